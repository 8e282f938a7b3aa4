// SPDX-License-Identifier: Apache-2.0
// dom: elements and numbers. Text from elsewhere becomes text nodes and attributes only, never markup.
const SVG = 'http://www.w3.org/2000/svg';

export const $ = id => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {}))
    if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  node.append(...children.filter(child => child != null));
  return node;
}
export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// Changes only what differs: a screen reader's place and a selection stay.
export function put(id, text) {
  const node = $(id);
  if (node.textContent !== text) node.textContent = text;
}

// The one live region: for what somebody should know, not for every number.
export function say(text) {
  $('announce').textContent = text;
}

// A select's options, [value, words] each; what was chosen stays chosen where it is still there.
export function choices(select, rows) {
  const want = JSON.stringify(rows);
  if (select.dataset.rows === want) return;
  const chosen = select.value;
  select.replaceChildren(...rows.map(([value, words]) => el('option', {value}, words)));
  select.dataset.rows = want;
  if (rows.some(([value]) => value === chosen)) select.value = chosen;
}

export const whole = n => Math.round(n).toLocaleString('en');
export function real(x, digits = 4) {
  if (x === 0) return '0';
  const size = Math.abs(x);
  return (size >= 1e5 || size < 1e-4 ? x.toExponential(2) : String(+x.toPrecision(digits))).replace('-', '−');
}
export const rate = x => x >= 100 ? whole(x) : x >= 10 ? x.toFixed(1) : x.toFixed(2);
export const signed = x => (x < 0 ? '−' : '+') + Math.abs(x).toFixed(3);
export const chance = p => p < 1e-4 ? 'p < 0.0001' : 'p ' + (p >= .01 ? p.toFixed(2) : p.toPrecision(1));
export const clock = seconds => new Date(seconds * 1000).toLocaleTimeString('en-GB');
export const colour = view => `var(--b${view % 8})`;
