// How figures are written. Every function takes undefined and null for "not known".

const unknown = '–';

// count writes 12,345 and 1.2 M.
export function count(n) {
  if (n == null) return unknown;
  if (n >= 1e9) return (n / 1e9).toFixed(1) + ' G';
  if (n >= 1e6) return (n / 1e6).toFixed(1) + ' M';
  return Math.round(n).toLocaleString('en');
}

export function bytes(n) {
  if (n == null) return unknown;
  for (const [size, unit] of [[2 ** 40, 'TB'], [2 ** 30, 'GB'], [2 ** 20, 'MB'], [2 ** 10, 'kB']]) {
    if (n >= size) return (n / size).toFixed(n >= 100 * size ? 0 : 1) + ' ' + unit;
  }
  return n + ' B';
}

// latency takes microseconds; 0 is that there was nothing to measure.
export function latency(us) {
  if (!us) return unknown;
  if (us < 1000) return us + ' µs';
  if (us < 1e6) return (us / 1000).toFixed(us < 1e4 ? 1 : 0) + ' ms';
  return (us / 1e6).toFixed(1) + ' s';
}

export function duration(seconds) {
  if (seconds == null) return unknown;
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return s + ' s';
  if (s < 7200) return Math.round(s / 60) + ' min';
  if (s < 172800) return Math.round(s / 3600) + ' h';
  return Math.round(s / 86400) + ' days';
}

export function clock(date) {
  return date.toLocaleTimeString('en-GB', {hour12: false}) + '.' + String(date.getMilliseconds()).padStart(3, '0');
}

// put writes text into an element, when it is another one.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
