// What the server wrote into the page: the service, the words in the visitor's language.

const config = JSON.parse(document.getElementById("rufbus-config").textContent);

export const { language, service, vendor, page } = config;

/** The text of a key, with `{name}` replaced by values. */
export function t(key, values = {}) {
  const text = config.words[key];
  if (text === undefined) throw new Error(`no text for ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

/** The singular or plural text of a key: `key.one` or `key.other`, with `{n}`. */
export function tn(key, n, values = {}) {
  return t(n === 1 ? `${key}.one` : `${key}.other`, { n, ...values });
}

export const has = (key) => key in config.words;
