// SPDX-License-Identifier: Apache-2.0
// charts: rates over time, and each parameter's histogram beside what its law says. Every figure is text as well.
import {$, chance, el, rate, real, svg, whole} from './dom.js';

const HEIGHT = 60;

// history: views of stretches of `width` seconds; at: a time to mark, or null.
export function spark(history, at, record) {
  const per = history.views.map(n => n / history.width), n = per.length;
  const top = Math.max(...per, 1e-9), full = per.slice(0, record ? n : n - 1); // the last second is not over
  const x = i => n > 1 ? 100 * i / (n - 1) : 0, y = v => 30 - 28 * v / top;
  const line = full.map((v, i) => `${x(i).toFixed(2)} ${y(v).toFixed(2)}`);
  const figure = $('history');
  const seconds = n * history.width, words = seconds < 180 ? `${whole(seconds)} s` : `${whole(seconds / 60)} min`;
  const caption = el('figcaption', {class: 'soft'}, el('span', {}, record ? `views / s, all ${words}` : `views / s, last ${words}`),
    el('span', {}, full.length ? `highest ${rate(Math.max(...full))}` : ''));
  const plot = svg('svg', {viewBox: '0 0 100 31', preserveAspectRatio: 'none', 'aria-hidden': 'true'});
  if (line.length > 1)
    plot.append(svg('path', {d: `M${line[0]} L${line.slice(1).join(' ')} V31 H${x(0)} Z`}));
  if (at !== null && n) {
    const mark = x((at - history.from) / history.width).toFixed(2);
    plot.append(svg('line', {x1: mark, x2: mark, y1: 0, y2: 31}));
  }
  figure.replaceChildren(caption, plot);
}

function histogram(row) {
  const n = row.bars.length, sum = row.n || 1, shares = row.bars.map(count => count / sum);
  const top = Math.max(...shares, ...row.expected, 1e-9), x = i => 100 * i / n, y = share => HEIGHT - HEIGHT * share / top;
  const gap = row.classes ? .12 : .04;
  const bars = shares.map((share, i) => share ? `M${x(i + gap).toFixed(2)} ${HEIGHT}V${y(share).toFixed(2)}H${x(i + 1 - gap).toFixed(2)}V${HEIGHT}Z` : '').join('');
  let law = '';
  row.expected.forEach((share, i) => {
    law += `${!i || row.classes ? 'M' : 'L'}${x(i).toFixed(2)} ${y(share).toFixed(2)}H${x(i + 1).toFixed(2)}`;
  });
  return svg('svg', {viewBox: `0 0 100 ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true'},
    svg('path', {class: 'bars', d: bars}), svg('path', {class: 'base', d: `M0 ${HEIGHT}H100`}),
    row.known ? svg('path', {class: 'law', d: law}) : null);
}

function verdict(row) {
  if (row.test === null) return ['none', 'not tested'];
  return row.wrong ? ['wrong', 'differs'] : ['ok', 'agrees'];
}

function range(row) {
  if (row.classes)
    return row.bars.length === 2 ? ['no', 'yes'] : ['0', String(row.bars.length - 1)];
  return [real(row.low, 3), real(row.high, 3)];
}

const short = name => name.replace(/^target\./, '');

function chart(row) {
  const [kind, words] = verdict(row), applied = row.n < row.views ? ` of ${whole(row.views)}` : '';
  const test = row.test === null ? null : el('p', {}, `${chance(row.p)}, ${row.test}`);
  return el('article', {class: row.wrong ? 'chart wrong' : 'chart'},
    el('h3', {}, el('span', {class: 'mono'}, short(row.name)), el('span', {class: `badge ${kind}`}, words)),
    row.bars.length ? histogram(row) : null,
    row.bars.length ? el('div', {class: 'range', 'aria-hidden': 'true'}, ...range(row).map(end => el('span', {}, end))) : null,
    el('p', {}, row.n ? `n ${whole(row.n)}${applied} · mean ${real(row.mean, 3)} ± ${real(row.deviation, 3)}` : `none of ${whole(row.views)}`),
    row.law ? el('p', {class: 'soft'}, `law: ${row.law}`) : null, test);
}

export function charts(rows) {
  $('charts').replaceChildren(...rows.map(chart));
}

const columns = [['parameter', row => short(row.name)], ['law', row => row.law || 'not told'], ['n', row => whole(row.n)],
  ['mean', row => row.n ? real(row.mean) : '–'], ['deviation', row => row.n ? real(row.deviation) : '–'],
  ['least', row => row.n ? real(row.min) : '–'], ['most', row => row.n ? real(row.max) : '–'],
  ['test', row => row.test || '–'], ['p', row => row.test === null ? '–' : chance(row.p).replace('p ', '')],
  ['', row => verdict(row)[1]]];

export function table(rows, of) {
  const body = rows.map(row => el('tr', {class: 'first'}, ...columns.map(([, cell], i) =>
    el(i ? 'td' : 'th', i ? {class: i === 1 || i === 7 || i === 9 ? '' : 'figure'} : {scope: 'row', class: 'mono'}, cell(row)))));
  $('table-of-figures').querySelector('.scroll').replaceChildren(el('table', {}, el('caption', {}, of),
    el('thead', {}, el('tr', {}, ...columns.map(([name], i) =>
      el('th', {scope: 'col', class: i && ![1, 7, 9].includes(i) ? 'figure' : ''}, name || 'verdict')))), el('tbody', {}, ...body)));
}
