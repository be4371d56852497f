// A card for each member. Elements are made once and kept: what is pointed at or
// focused must not vanish under the hand.

import {bytes, count, duration, latency, put} from './format.js';
import {variable} from './palette.js';

const cards = new Map();
const rows = [
  ['ops/s', m => count(m.ops)],
  ['p50 · p99', m => `${latency(m.status.latency_p50_us)} · ${latency(m.status.latency_p99_us)}`],
  ['applied', m => count(m.status.applied_index)],
  ['keys', m => `${count(m.status.keys)} · ${bytes(m.status.memory_used_bytes)}`],
  ['log', m => bytes(m.status.wal_bytes)],
  ['snapshot', snapshotText],
  ['disk free', m => bytes(m.status.disk_free_bytes)],
  ['up', m => duration(m.status.uptime_seconds)],
];

function snapshotText(m) {
  if (m.status.snapshot_running) return 'in progress';
  if (!m.status.snapshot_index) return 'none';
  if (!m.status.snapshot_at) return `index ${count(m.status.snapshot_index)}`;
  return duration((Date.now() - new Date(m.status.snapshot_at)) / 1000) + ' ago';
}

// update shows the members of a state. act(name, member) is called by buttons.
export function update(container, state, act) {
  const leader = state.members.find(m => m.id === state.leader);
  for (const m of state.members) {
    if (!cards.has(m.id)) cards.set(m.id, make(container, m, act));
    fill(cards.get(m.id), m, state, leader);
  }
  for (const [id, card] of cards) {
    if (!state.members.some(m => m.id === id)) {
      card.root.remove();
      cards.delete(id);
    }
  }
}

function make(container, m, act) {
  const root = document.getElementById('card').content.firstElementChild.cloneNode(true);
  const find = selector => root.querySelector(selector);
  const card = {
    root, pill: find('.pill'), addr: find('.addr'), lag: find('.lag'), bar: find('.bar i'), lagText: find('.lag span'),
    trouble: find('.trouble'), transfer: find('.transfer'), snapshot: find('.snapshot'), values: [],
  };
  root.id = 'member-' + m.id;
  root.style.setProperty('--colour', variable(m.id));
  put(find('h3'), m.id);
  find('h3').title = m.id;
  for (const [name] of rows) {
    const term = document.createElement('dt');
    const value = document.createElement('dd');
    put(term, name);
    find('dl').append(term, value);
    card.values.push(value);
  }
  card.transfer.addEventListener('click', () => act('transfer', card.member));
  card.snapshot.addEventListener('click', () => act('snapshot', card.member));
  container.append(root);
  return card;
}

// condition is what a member is, as far as can be told from here.
export function condition(m, state) {
  if (m.answers === 'yes') return m.status.role;
  if (m.answers === 'not_asked') return m.id === state.leader ? 'leader' : 'asking';
  return m.link ? 'silent' : 'down';
}

const words = {
  leader: 'leader', follower: 'follower', candidate: 'candidate', learner: 'learner', asking: 'asking…', silent: 'no answer', down: 'down',
};

function fill(card, m, state, leader) {
  card.member = m;
  const what = condition(m, state);
  card.root.dataset.state = what;
  const changes = m.kind === 'joining' && what === 'learner' || m.kind === 'leaving' && what === 'follower';
  put(card.pill, changes ? m.kind : words[what] ?? what);
  put(card.addr, m.addr);
  rows.forEach(([, text], i) => put(card.values[i], m.status ? text(m) : '–'));
  lag(card, m, what, leader);
  const trouble = troubleText(m, what, state);
  card.trouble.hidden = !trouble;
  put(card.trouble, trouble);
  put(card.transfer, what === 'leader' ? 'Hand over' : 'Make leader');
  const off = state.actions === 'off';
  card.transfer.disabled = off || what !== 'leader' && (what !== 'follower' || m.kind !== 'voter') || state.members.length < 2;
  card.snapshot.disabled = off || m.answers !== 'yes' || m.status.snapshot_running;
  card.transfer.title = card.snapshot.title = off ? 'Actions are off: set --http-token' : '';
}

// lag shows how far a member has got with the leader's log; behind the first ten
// entries, which are on their way, the bar shrinks by a fifth for each power of ten.
function lag(card, m, what, leader) {
  const behind = entriesBehind(m, leader);
  let text = '';
  if (what === 'leader') text = `log up to ${count(m.status?.last_index)}`;
  else if (what === 'down' || what === 'silent') text = m.status ? `last heard ${duration(m.age_ms / 1000)} ago` : 'not heard of yet';
  else if (behind == null) text = 'no leader to compare with';
  else if (behind === 0) text = `has all that ${leader.id} has`;
  else text = `${count(behind)} behind ${leader.id}`;
  put(card.lagText, text);
  const share = what === 'down' || what === 'silent' ? 0 : what === 'leader' || behind === 0 ? 1 : behind == null ? 0 : Math.max(0, 1 - Math.log10(1 + behind / 10) / 5);
  card.bar.style.width = `${100 * share}%`;
}

export function entriesBehind(m, leader) {
  if (!leader?.status || leader.answers !== 'yes') return null;
  const has = m.match || (m.answers === 'yes' ? m.status.last_index : 0);
  return has ? Math.max(0, leader.status.last_index - has) : null;
}

const failing = {leader: 'knows no leader', caught_up: 'has not caught up', disk: 'the disk is almost full'};

function troubleText(m, what, state) {
  if (what === 'silent') return `No answer at ${m.addr}, though ${state.node} has a link to it: ${m.error}`;
  if (what === 'down') return m.error;
  if (m.status && !m.status.ready) {
    const checks = (m.status.not_ready ?? []).map(text => text.split(':')[0]);
    return 'Not ready: ' + checks.map(name => failing[name] ?? name).join(', ');
  }
  return '';
}
