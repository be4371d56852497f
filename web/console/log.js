// What has happened, newest first.

import {clock, put} from './format.js';
import {variable} from './palette.js';

const maxEvents = 200;
const seen = new Set(); // ids: a reader who comes back may be told twice

// add shows an event; false: it is known.
export function add(list, noteElement, id, e) {
  if (seen.has(id)) return false;
  seen.add(id);
  const item = document.createElement('li');
  item.dataset.level = e.level;
  item.dataset.kind = e.kind;
  const time = document.createElement('time');
  time.dateTime = e.at;
  put(time, clock(new Date(e.at)));
  const kind = document.createElement('span');
  kind.className = 'kind';
  put(kind, e.kind);
  const text = document.createElement('span');
  text.className = 'text';
  put(text, e.text);
  item.append(time, kind, text);
  if (e.kind === 'leader' && e.leader) item.style.setProperty('--colour', variable(e.leader));
  list.prepend(item);
  while (list.children.length > maxEvents) list.lastChild.remove();
  put(noteElement, `as ${e.node} saw it`);
  return true;
}
