"""The tiny town as a machine that does everything at random, and an oracle that watches it.

Who does what is one module each: `riders`, `standing` (orders, groups, the waiting list),
`drivers`, `reports` (late, doubled, out of order), `control_room`, `fleet`, `roads`, `optimiser`,
`clock`. A new command gets a rule there: a method with `@rule` that calls `self.happen` (reality,
which may break promises), `self.settle` (a decision: nobody may be made later by it) or `self.act`
(neither), and `self.again` where repeating it must be no error. `oracle` and what it
imports say what must hold; nothing of it asks the engine for the answer.
"""
