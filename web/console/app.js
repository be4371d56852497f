// The console: one stream of events from the node that serves this page, and what
// is drawn from it.

import * as actions from './actions.js';
import * as cards from './cards.js';
import * as charts from './charts.js';
import * as log from './log.js';
import * as strip from './strip.js';
import {count, duration, latency, put} from './format.js';
import {place} from './palette.js';

const byId = id => document.getElementById(id);
const staleAfterMs = 3500;
const reopenMs = 2000;

let state = null;     // the newest
let heardAt = 0;      // when it came, by the clock of this machine
let openedAt = Date.now();
let source = null;

function open() {
  source = new EventSource('/events');
  source.addEventListener('history', e => charts.reset(JSON.parse(e.data) ?? []));
  source.addEventListener('sample', e => charts.add(JSON.parse(e.data)));
  source.addEventListener('event', e => {
    const event = JSON.parse(e.data);
    if (log.add(byId('log'), byId('log-note'), e.lastEventId, event)) strip.note(event);
  });
  source.addEventListener('state', e => {
    state = JSON.parse(e.data);
    heardAt = Date.now();
    show();
  });
  // The browser connects again by itself unless it was answered with an error.
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(open, reopenMs);
    health();
  });
}

function show() {
  state.members.forEach(m => place(m.id)); // colours in the order of the members
  put(byId('cluster'), state.cluster_id.slice(0, 8));
  const self = state.members.find(m => m.id === state.node);
  put(byId('version'), `served by ${state.node}` + (self?.status ? `, redoubt ${self.status.version}` : ''));
  document.title = `${state.leader ? state.leader + ' leads' : 'no leader'} · redoubt`;
  summary();
  cards.update(byId('cards'), state, (name, member) => actions.ask(name, member, state, cluster => {
    state = cluster;
    heardAt = Date.now();
    show();
  }));
  charts.draw(state.members.map(m => m.id));
  drawStrip();
  health();
}

// drawStrip moves the strip on by the clock of the node, which the events have.
function drawStrip() {
  if (!state || Date.now() - heardAt > staleAfterMs) return;
  const now = new Date(state.at).getTime() + Date.now() - heardAt;
  strip.draw(byId('strip'), byId('strip-axis'), byId('strip-note'), now);
}

function summary() {
  const answering = state.members.filter(m => m.answers === 'yes');
  const asked = state.members.filter(m => m.answers !== 'not_asked');
  const p99 = Math.max(0, ...answering.map(m => m.status.latency_p99_us));
  const most = answering.reduce((a, b) => b.status.applied_index > (a?.status.applied_index ?? -1) ? b : a, null);
  const values = {
    leader: state.leader || 'none',
    term: count(state.term),
    answering: `${answering.length} of ${asked.length || state.members.length}`,
    ops: count(answering.reduce((sum, m) => sum + (m.ops ?? 0), 0)),
    p99: latency(p99),
    keys: most ? count(most.status.keys) : '–',
  };
  for (const [key, value] of Object.entries(values)) put(byId('summary').querySelector(`[data-key=${key}]`), value);
  byId('summary').dataset.leader = state.leader ? 'yes' : 'no';
}

// health says in words what is not as it should be, above all whether this page
// still shows the present.
function health() {
  const silentMs = Date.now() - (heardAt || openedAt);
  const stale = silentMs > staleAfterMs;
  byId('page').classList.toggle('stale', stale);
  const live = byId('live');
  live.dataset.state = stale ? 'lost' : heardAt ? 'live' : 'waiting';
  put(live.lastElementChild, stale ? 'lost' : heardAt ? 'live' : 'connecting');
  const text = stale ? lostText(silentMs) : state ? trouble() : '';
  byId('banner').hidden = !text;
  byId('banner').dataset.level = stale ? 'lost' : 'warn';
  put(byId('banner'), text);
}

function lostText(silentMs) {
  const who = state ? state.node : 'The node';
  const since = heardAt ? `What you see is ${duration(silentMs / 1000)} old. ` : '';
  return `${who} at ${location.host} does not answer. ${since}Trying again…`;
}

function trouble() {
  const problems = [];
  if (!state.leader) problems.push(`${state.node} knows no leader: writes wait, or are refused.`);
  const gone = state.members.filter(m => cards.condition(m, state) === 'down').map(m => m.id);
  if (gone.length > 0) {
    const voters = state.members.filter(m => m.kind === 'voter');
    const spare = Math.floor((voters.length - 1) / 2) - voters.filter(m => gone.includes(m.id)).length;
    problems.push(`${gone.join(' and ')} ${gone.length === 1 ? 'is' : 'are'} down. ` +
      (spare < 0 ? 'There is no majority.' : spare === 0 ? 'No other may fail.' : `${spare} more may fail.`));
  }
  return problems.join(' ');
}

setInterval(() => {
  health();
  drawStrip();
}, 500);
open();
