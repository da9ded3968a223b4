"""The ways to a rider: e-mail, SMS, push. Each sends one letter and says what came of it."""
