// SPDX-License-Identifier: Apache-2.0
// stage: one sample of a batch: its source with each view's crop box, its views, what was done to them and what
// AugSelf would have to tell of them.
import {$, colour, el, real, signed, svg} from './dom.js';

const PLACE = new Set(['epoch', 'batch', 'sample', 'view', 'label', 'size', 'source']); // not what was done
const SOURCE_REM = 24;
let ticket = 0;

const query = (batch, sample, more) => new URLSearchParams({
  which: 'this', number: batch.number, from: batch.from, session: batch.session, position: sample.position, ...more});

function value(batch, values, name) {
  return values[batch.params.findIndex(row => row[0] === name)];
}

function crop(batch, values) {
  const [y, x, height, width] = ['top', 'left', 'height', 'width'].map(side => value(batch, values, 'crop.' + side));
  return {x, y, width, height};
}

// The boxes over a source, its pixels as units; thin ones dark below, so that they show on any picture.
function boxes(batch, sample) {
  const [w, h] = sample.source;
  const layer = svg('svg', {viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: 'none', 'aria-hidden': 'true'});
  if (sample.box) {
    const [x, y, width, height] = sample.box;
    layer.append(svg('rect', {class: 'named', x, y, width, height}));
  }
  sample.views.forEach((values, view) => {
    const box = svg('rect', {class: 'box', ...crop(batch, values)});
    box.style.stroke = colour(view);
    layer.append(svg('rect', {class: 'under', ...crop(batch, values)}), box);
  });
  return layer;
}

// Every even view's name at its box's upper left corner, every odd one's at the lower right: seldom on each other.
function tags(batch, sample) {
  const [w, h] = sample.source;
  return sample.views.map((values, view) => {
    const box = crop(batch, values), end = view % 2;
    const tag = el('span', {class: end ? 'tag end' : 'tag', 'aria-hidden': 'true'},
      `${view}${value(batch, values, 'flip') ? ' ⇋' : ''}`);
    tag.style.background = colour(view);
    tag.style.left = `${100 * (box.x + (end ? box.width : 0)) / w}%`;
    tag.style.top = `${100 * (box.y + (end ? box.height : 0)) / h}%`;
    return tag;
  });
}

function described(batch, sample) {
  return sample.views.map((values, view) => {
    const box = crop(batch, values);
    return `view ${view}${value(batch, values, 'flip') ? ', flipped' : ''}: ${box.width} by ${box.height} pixels, ` +
      `${box.x} from the left, ${box.y} from the top`;
  }).join('; ');
}

function source(batch, sample, pictures) {
  const [w, h] = sample.source;
  const frame = el('div', {class: batch.pictures ? 'frame' : 'frame bare'});
  frame.style.aspectRatio = `${w} / ${h}`;
  frame.style.width = `min(100%, ${SOURCE_REM * w / h}rem)`;
  const words = `Source of sample ${sample.sample}, ${w} by ${h} pixels. ${described(batch, sample)}.`;
  if (batch.pictures)
    frame.append(picture(pictures, frame, 'source.png?' + query(batch, sample), words));
  else
    frame.append(el('span', {class: 'hidden'}, words));
  frame.append(boxes(batch, sample), ...tags(batch, sample));
  return el('figure', {class: 'source'}, el('figcaption', {class: 'soft'}, `source, ${w} × ${h}`), frame);
}

function picture(pictures, frame, url, alt) {
  const image = el('img', {src: url, alt});
  pictures.push(image.decode().catch(() => {
    frame.classList.add('bare');
    image.replaceWith(el('span', {class: 'hidden'}, alt + ' There is no picture of it.'));
  }));
  return image;
}

// Whether the pixels are those that the loader sent: its checksum against ours.
async function check(batch, sample, view, line) {
  const words = {same: ['same', '✓ same pixels as the loader’s'], differ: ['differ', '✗ not the loader’s pixels']};
  try {
    const answer = await fetch('view.png?' + query(batch, sample, {view}), {method: 'HEAD'});
    const found = words[answer.headers.get('Augstream-Note')];
    if (found) {
      line.className = found[0];
      line.textContent = found[1];
    }
  } catch { /* the page's own loop tells when nobody answers */ }
}

function views(batch, sample, pictures, checks) {
  const all = el('div', {class: sample.views.length === 2 ? 'views two' : 'views'});
  sample.views.forEach((values, view) => {
    const size = batch.sizes[view], flip = value(batch, values, 'flip');
    const frame = el('div', {class: size <= 64 ? 'frame small' : 'frame'});
    frame.style.borderTopColor = colour(view);
    frame.append(picture(pictures, frame, 'view.png?' + query(batch, sample, {view}),
      `View ${view} of sample ${sample.sample}, ${size} by ${size} pixels${flip ? ', flipped' : ''}.`));
    const line = el('p', {class: 'soft'}, batch.checks ? ' ' : null);
    if (batch.checks) checks.push(() => check(batch, sample, view, line));
    all.append(el('figure', {}, el('figcaption', {}, el('strong', {}, `View ${view}`),
      el('span', {class: 'soft'}, `${size} px${flip ? ' · flipped ⇋' : ''}`)), frame, line));
  });
  return all;
}

const group = name => name.split('.')[0];
function told(kind, unit, x) {
  if (x === null) return null;
  if (kind === 'bit') return x ? 'yes' : 'no';
  return (kind === 'real' ? real(x) : String(x)) + (unit === 'px' ? ' px' : '');
}

const order = values => values.includes(null) ? null : values.join(' ');

// Rows of the table, [name, unit, words of each view], those of a group together, in the order of the first ones.
function rows(batch, sample) {
  const groups = new Map();
  batch.params.forEach(([name, unit, kind], i) => {
    if (PLACE.has(group(name)) || /^jitter\.order\.[1-9]/.test(name)) return;
    const one = name === 'jitter.order.0', cells = sample.views.map(values =>
      one ? order(values.slice(i, i + 4)) : told(kind, unit, values[i]));
    if (!groups.has(group(name))) groups.set(group(name), []);
    groups.get(group(name)).push([one ? 'jitter.order' : name, unit, cells]);
  });
  return [...groups.values()];
}

function omega(batch, sample) {
  const body = el('tbody');
  for (const [name, unit, cells, first] of rows(batch, sample).flatMap(all => all.map((row, i) => [...row, !i])))
    body.append(el('tr', {class: first ? 'first' : ''}, el('th', {scope: 'row', class: 'mono'}, name,
      unit && unit !== 'px' ? el('span', {class: 'hidden'}, `, ${unit}`) : null),
    ...cells.map(words => words === null ? el('td', {class: 'figure off'}, '–', el('span', {class: 'hidden'}, ' not applied'))
      : el('td', {class: 'figure'}, words))));
  const heads = sample.views.map((_, view) => {
    const swatch = el('span', {class: 'swatch'});
    swatch.style.color = colour(view);
    return el('th', {scope: 'col', class: 'figure'}, swatch, `view ${view}`);
  });
  return el('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'What was done'},
    el('table', {}, el('caption', {}, 'What was done (omega)'),
      el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, 'parameter'), ...heads)), body));
}

// A bar from the middle: most targets lie within -1 and 1.
function balance(x) {
  const bar = el('i'), share = Math.min(1, Math.abs(x)) * 50;
  bar.style.left = `${x < 0 ? 50 - share : 50}%`;
  bar.style.width = `${share}%`;
  return el('span', {class: 'balance', 'aria-hidden': 'true'}, bar);
}

function targets(batch, sample) {
  if (!sample.targets) return null;
  const body = el('tbody');
  let last = '';
  for (const [long, x] of sample.targets) {
    const name = long.replace(/^target\./, ''), first = group(name) !== last;
    last = group(name);
    body.append(el('tr', {class: first ? 'first' : ''}, el('th', {scope: 'row', class: 'mono'}, name),
      el('td', {class: 'figure'}, ['flip', 'rotation'].includes(name) ? String(x) : signed(x)), el('td', {}, balance(x))));
  }
  return el('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Targets'},
    el('table', {}, el('caption', {}, 'What AugSelf has to tell of views 0 and 1'), el('thead', {}, el('tr', {},
      el('th', {scope: 'col'}, 'target'), el('th', {scope: 'col', class: 'figure'}, 'normalised'),
      el('th', {scope: 'col'}, el('span', {class: 'hidden'}, 'as a bar')))), body));
}

function title(sample) {
  const words = [sample.label === null ? null : `label ${sample.label}${sample.class ? ` (${sample.class})` : ''}`,
    sample.name || null, sample.instead_of ? `in place of sample ${sample.instead_of.sample}, which is bad: ` +
      sample.instead_of.reason.replace(/_/g, ' ') : null];
  return el('h3', {}, `Sample ${sample.sample}`, el('span', {class: 'soft'}, words.filter(Boolean).join(' · ')));
}

const regions = () => [...$('stage').querySelectorAll('.scroll')];

// Draws once the pictures are there; nothing, when something else has been asked for meanwhile.
export async function draw(batch, at) {
  const mine = ++ticket, sample = batch.samples[at], pictures = [], checks = [];
  const picked = source(batch, sample, pictures), done = omega(batch, sample), tell = targets(batch, sample);
  const parts = batch.pictures ? [el('div', {class: 'look'}, picked, views(batch, sample, pictures, checks)),
    el('div', {class: sample.views.length > 3 ? 'tables many' : 'tables'}, done, tell)] : [el('div', {class: 'look'}, el('div', {}, picked, tell), done)];
  await Promise.all(pictures);
  if (mine !== ticket) return;
  const places = regions().map(region => [region.scrollLeft, region === document.activeElement]);
  $('stage').replaceChildren(title(sample), ...parts);
  regions().forEach((region, i) => { // where somebody was reading
    if (!places[i]) return;
    region.scrollLeft = places[i][0];
    if (places[i][1]) region.focus({preventScroll: true});
  });
  checks.forEach(run => run());
}

// The batch's samples in small, to choose from.
export function strip(batch, at, choose) {
  const buttons = batch.samples.map((sample, i) => {
    const [w, h] = sample.source, thumb = el('span', {class: batch.pictures ? 'thumb' : 'thumb bare'});
    thumb.style.aspectRatio = `${w} / ${h}`;
    thumb.style[w > h ? 'width' : 'height'] = '100%';
    if (batch.pictures) {
      const image = el('img', {src: 'source.png?' + query(batch, sample, {small: 1}), alt: ''});
      image.addEventListener('error', () => { thumb.classList.add('bare'); image.remove(); });
      thumb.append(image);
    }
    thumb.append(boxes(batch, sample));
    const button = el('button', {type: 'button', 'aria-pressed': String(i === at), 'aria-label': `Sample ${sample.sample}`},
      el('span', {class: 'frame'}, thumb), el('span', {}, String(sample.sample)));
    button.addEventListener('click', () => choose(i));
    return button;
  });
  // somebody may be moving through these with the keyboard
  const focus = [...$('strip').children].indexOf(document.activeElement);
  $('strip').replaceChildren(...buttons);
  if (focus >= 0 && buttons.length) buttons[Math.min(focus, buttons.length - 1)].focus({preventScroll: true});
}

export function mark(at) {
  [...$('strip').children].forEach((button, i) => button.setAttribute('aria-pressed', String(i === at)));
}
