// The last three minutes, a line for each member. A gap is a time in which it did
// not answer, or had nothing to measure.

import {count, latency, put} from './format.js';
import {colour, css, variable} from './palette.js';

const windowSeconds = 180;
const minWindowSeconds = 60;
const samples = []; // oldest first

export function reset(list) {
  samples.splice(0, samples.length, ...list);
}

export function add(sample) {
  samples.push(sample);
  while (samples.length > 0 && samples[0].t < sample.t - windowSeconds * 1000) samples.shift();
}

// One chart: value(figures) is a number or null, text(value) how it is written.
function chart(name, value, text) {
  const box = document.getElementById(name + '-chart');
  const legend = document.getElementById(name + '-legend');
  let plot, members = [];

  function build() {
    plot?.destroy();
    const axis = {stroke: css('--faint'), font: '11px system-ui', grid: {stroke: css('--line'), width: 1}, ticks: {show: false}};
    plot = new uPlot({
      ...size(), padding: [8, 8, 0, 0], legend: {show: false},
      cursor: {sync: {key: 'redoubt'}, y: false, points: {size: 6}, drag: {x: false, y: false}},
      scales: {x: {range: () => [range().min, range().max]}, y: {range: (u, min, max) => [0, max > 0 ? max * 1.15 : 1]}},
      axes: [
        {...axis, space: 70, size: 26, values: (u, ticks) => ticks.map(t => new Date(t * 1000).toLocaleTimeString('en-GB'))},
        {...axis, size: 56, space: 34, values: (u, ticks) => ticks.map(t => t === 0 ? '0' : text(t))},
      ],
      series: [{}, ...members.map(id => ({label: id, stroke: colour(id), width: 1.75, spanGaps: false, points: {show: false}}))],
      hooks: {setCursor: [u => legendValues(u.cursor.idx)]},
    }, data(), box);
    legend.replaceChildren(...members.map(id => {
      const chip = document.createElement('span');
      chip.className = 'chip';
      chip.style.setProperty('--colour', variable(id));
      chip.append(document.createElement('i'), id + ' ', document.createElement('b'));
      return chip;
    }));
  }

  function size() {
    return {width: box.clientWidth, height: 190};
  }

  function data() {
    return [samples.map(s => s.t / 1000), ...members.map(id => samples.map(s => s.m[id] ? value(s.m[id]) : null))];
  }

  // range is as long as there is history, within bounds.
  function range() {
    const max = samples.length > 0 ? samples.at(-1).t / 1000 : Date.now() / 1000;
    const min = samples.length > 0 ? samples[0].t / 1000 : max;
    return {min: Math.max(Math.min(min, max - minWindowSeconds), max - windowSeconds), max};
  }

  // legendValues shows the values under the cursor, or else the newest.
  function legendValues(index) {
    const at = samples[index ?? samples.length - 1];
    members.forEach((id, i) => {
      const v = at?.m[id] ? value(at.m[id]) : null;
      put(legend.children[i].querySelector('b'), v == null ? '–' : text(v));
    });
  }

  return {
    draw(ids) {
      if (!plot || ids.join() !== members.join()) {
        members = ids;
        build();
      }
      plot.batch(() => {
        plot.setData(data(), false);
        plot.setScale('x', range());
      });
      legendValues(plot.cursor.idx);
    },
    resize() {
      plot?.setSize(size());
    },
    recolour() {
      if (plot) build();
    },
  };
}

let charts = [];

export function draw(ids) {
  if (charts.length === 0) {
    charts = [
      chart('ops', f => f.ops, count),
      chart('latency', f => f.p99 || null, latency),
    ];
    new ResizeObserver(() => charts.forEach(c => c.resize())).observe(document.querySelector('.charts'));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach(c => c.recolour()));
  }
  charts.forEach(c => c.draw(ids));
}
