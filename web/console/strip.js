// Who led when: one segment for each leader and term, over as much of the last ten
// minutes as is known.

import {duration, put} from './format.js';
import {variable} from './palette.js';

const maxWindowMs = 10 * 60 * 1000;
const minWindowMs = 60 * 1000;
const changes = []; // {at, term, leader}, oldest first

// note takes an event: each says who led when it was over.
export function note(e) {
  const at = new Date(e.at).getTime();
  if (e.kind === 'start') changes.push({at, term: e.term, leader: null}); // before it nobody looked
  const last = changes.at(-1);
  if (last && last.term === e.term && last.leader === e.leader) return;
  changes.push({at, term: e.term, leader: e.leader});
  if (changes.length > 1000) changes.shift();
}

const segments = [];

export function draw(container, axis, noteElement, now) {
  const known = changes[0]?.at ?? now;
  const from = Math.max(Math.min(known, now - minWindowMs), now - maxWindowMs);
  let shown = 0;
  let leaders = 0;
  let previous = null; // the last that had a leader: a start of this node changes none
  changes.forEach((c, i) => {
    const end = Math.min(changes[i + 1]?.at ?? now, now);
    if (end <= from || c.leader === null) return;
    if (c.leader) {
      if (c.leader !== previous?.leader || c.term !== previous.term) leaders++;
      previous = c;
    }
    if (!segments[shown]) {
      segments[shown] = document.createElement('div');
      segments[shown].append(document.createElement('span'));
      container.append(segments[shown]);
    }
    paint(segments[shown++], c, Math.max(c.at, from), end, from, now, container.clientWidth);
  });
  for (const s of segments.splice(shown)) s.remove();
  put(noteElement, leaders < 2 ? '' : leaders === 2 ? 'one change' : `${leaders - 1} changes`);
  put(axis.firstElementChild, duration((now - from) / 1000) + ' ago');
}

function paint(segment, c, begin, end, from, now, pixels) {
  const share = (end - begin) / (now - from);
  segment.className = c.leader ? 'reign' : 'vacant';
  segment.style.left = `${100 * (begin - from) / (now - from)}%`;
  segment.style.width = `${100 * share}%`;
  if (c.leader) segment.style.setProperty('--colour', variable(c.leader));
  const seconds = ((end - begin) / 1000).toFixed(1);
  segment.title = c.leader ? `${c.leader}, term ${c.term}, ${seconds} s` : `no leader known for ${seconds} s`;
  const room = share * pixels;
  put(segment.firstChild, !c.leader ? '' : room > 90 ? `${c.leader} · term ${c.term}` : room > 30 ? c.leader : '');
}
