// SPDX-License-Identifier: Apache-2.0
// page: asks the server what there is, at its own pace, and draws it. Everything that somebody chooses here stays
// here: the server only answers. Goes on by itself when loader or server come back.
import {$, choices, clock, el, put, rate, say, whole} from './dom.js';
import {charts, spark, table} from './charts.js';
import {draw, mark, strip} from './stage.js';

const STATE_MS = 1000, FIGURES_MS = 3000, PATIENCE_MS = 8000, LOST_MS = 1500;
const paces = {
  tap: [['2000', 'a batch in 2 s'], ['1000', 'a batch a second'], ['5000', 'a batch in 5 s']],
  record: [['1000 1', 'a step a second'], ['2000 1', 'a step in 2 s'], ['500 1', '2 steps a second'],
    ['1000 10', '10 steps a second'], ['1000 100', '100 steps a second']],
};
const now = {state: null, batch: null, at: 0, playing: true, lost: false, link: '', busy: false};

const sleep = ms => new Promise(done => setTimeout(done, ms));
async function visible() {
  while (document.hidden) await new Promise(done => document.addEventListener('visibilitychange', done, {once: true}));
}

async function ask(path, query) {
  const answer = await fetch(path + (query ? '?' + new URLSearchParams(query) : ''),
    {signal: AbortSignal.timeout(PATIENCE_MS), cache: 'no-store'});
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// fn again and again, `pause` apart, as long as somebody looks; a failure is the state's loop's to tell.
async function loop(pause, fn) {
  for (;;) {
    await visible();
    try {
      await fn();
    } catch { /* told by the pill */ }
    await sleep(now.lost ? LOST_MS : pause());
  }
}

// --- whether anybody is there ---

function link(kind, words, sentence) {
  const pill = $('link');
  put('link', words);
  pill.className = `pill ${kind}`;
  if (now.link !== sentence && now.link + sentence !== '') {
    if (now.link) say(sentence);
    now.link = sentence;
  }
}

function linked(state) {
  if (state.record) {
    const at = now.batch ? now.batch.sequence : state.record.first;
    link('live', `step ${whole(at)} of ${whole(state.record.last)}`, 'A record is shown.');
  } else if (state.there) {
    link('live', 'live', 'The loader is there.');
  } else {
    link('wait', state.counts.batches ? 'reconnecting' : 'waiting', state.counts.batches ?
      'The loader is away. The page goes on when it is back.' : 'No loader yet. The page begins when it is there.');
  }
}

function lose() {
  now.lost = true;
  link('gone', 'server away', 'augstream-inspect is away. The page goes on when it is back.');
}

// --- flow, sessions, events ---

function flow(state) {
  const batch = now.batch, told = state.record ? batch && batch.rate : state.rate;
  put('rate-batches', told ? rate(told.batches) : '–');
  put('rate-views', told ? rate(told.views) : '–');
  put('views', whole(state.counts.views));
  put('missed', whole(state.counts.gap_batches));
  put('bad', whole(state.counts.substituted));
  $('missed').className = state.counts.gap_batches ? 'bad' : '';
  $('bad').className = state.counts.substituted ? 'bad' : '';
  spark(state.history, state.record && batch ? batch.at : null, !!state.record);
}

const id = session => session.slice(0, 8);

function sessions(state) {
  const heads = ['dataset', 'session', 'seed', 'batch', 'views', 'epoch', 'batches', 'bad', 'last'];
  const figure = new Set([2, 3, 5, 6, 7]);
  const rows = state.sessions.map(s => [s.dataset, id(s.session), s.seed ?? 'not told', s.batch ?? 'not told',
    s.sizes.map(size => `${size} px`).join(', '), String(s.epoch), whole(s.batches), whole(s.substituted),
    s.last ? clock(s.last) : '–']);
  if (!rows.length) {
    $('sessions').replaceChildren(el('p', {class: 'soft'}, 'None yet.'));
    return;
  }
  $('sessions').replaceChildren(el('table', {}, el('thead', {}, el('tr', {}, ...heads.map((head, i) =>
    el('th', {scope: 'col', class: figure.has(i) ? 'figure' : ''}, head)))), el('tbody', {}, ...rows.map(row =>
    el('tr', {class: 'first'}, ...row.map((cell, i) => el(i ? 'td' : 'th', {scope: i ? null : 'row',
      class: i === 1 ? 'mono' : figure.has(i) ? 'figure' : ''}, cell)))))));
  const of = new Map(state.sessions.map(s => [s.dataset, state.sessions.filter(o => o.dataset === s.dataset).length]));
  const all = [['', 'all of it']];
  for (const [dataset, n] of of) if (n > 1) all.push([`d${dataset}`, `${dataset}, any session`]);
  for (const s of state.sessions) all.push([`s${s.session}`, `${s.dataset} · ${id(s.session)}`]);
  choices($('which'), all);
  $('which-label').hidden = state.sessions.length < 2;
}

const kinds = {
  gap: e => `${whole(e.batches)} ${e.batches === 1 ? 'batch was' : 'batches were'} not heard`,
  restart: () => 'the loader began anew',
  substituted: e => `sample ${e.bad} of ${e.dataset} is bad (${e.reason.replace(/_/g, ' ')}): sample ${e.sample} stands in ` +
    `its place, epoch ${e.epoch}, batch ${e.index}`,
};

function events(state) {
  const rows = state.events.map(e => el('li', {}, e.at ? el('time', {datetime: new Date(e.at * 1000).toISOString()}, clock(e.at)) : null,
    el('span', {}, kinds[e.kind](e))));
  $('events').replaceChildren(...(rows.length ? rows : [el('li', {class: 'soft'}, 'Nothing so far.')]));
}

// The first answer, and the first of another server: everything from the beginning.
function begin(state) {
  now.batch = null;
  now.at = 0;
  $('seek').hidden = !state.record;
  choices($('pace'), state.record ? paces.record : paces.tap);
  play(!state.record || now.state !== null && now.playing, true);
  put('from', `${state.record ? 'record' : 'tap'} ${state.from}`);
  put('version', state.version);
  document.title = `${state.from} · augstream inspect`;
}

async function look() {
  let state;
  try {
    state = await ask('state.json');
  } catch (error) {
    lose();
    throw error;
  }
  now.lost = false;
  if (!now.state || now.state.began !== state.began) begin(state);
  now.state = state;
  if (state.record) {
    const slider = $('slider');
    slider.min = state.record.first;
    slider.max = state.record.last;
  }
  const damage = state.record && (state.record.damaged ? 'The record is damaged: not all of it can be read.' :
    state.record.cut && state.record.read ? 'This record was not closed, or is still being written: it is shown up to its last whole block.' : '');
  const trouble = state.trouble || damage || '';
  put('trouble', trouble);
  $('trouble').hidden = !trouble;
  linked(state);
  flow(state);
  sessions(state);
  events(state);
}

// --- a batch ---

function chosen() {
  const value = $('which').value;
  return value[0] === 's' ? {session: value.slice(1)} : value[0] === 'd' ? {dataset: value.slice(1)} : {};
}

function where(batch) {
  const part = batch.matched < batch.of ? `${batch.matched} of ${batch.of} samples pass the filters` : `${batch.of} samples`;
  put('where', [batch.dataset, now.state.record ? `step ${whole(batch.sequence)}` : `session ${id(batch.session)}`,
    `epoch ${batch.epoch}`, `batch ${batch.index}`, part, batch.at ? clock(batch.at) : null].filter(Boolean).join(' · '));
}

async function show(batch, at) {
  const other = !now.batch || now.batch.number !== batch.number || now.batch.from !== batch.from;
  const sample = Math.max(0, Math.min(at, batch.samples.length - 1)), same = !other && sample === now.at;
  now.batch = batch;
  now.at = sample;
  if (same) return; // nothing has come since
  where(batch);
  $('untold').hidden = !batch.untold;
  put('why', batch.pictures || batch.untold ? '' : `No pictures: ${batch.why}`);
  $('why').hidden = batch.pictures || batch.untold;
  $('slider').value = batch.sequence;
  if (now.state.record) linked(now.state);
  if (other) strip(batch, now.at, i => { play(false); show(batch, i); });
  else mark(now.at);
  await draw(batch, now.at);
}

// Another batch: the query, and which of its samples. False: there is none.
async function fetchBatch(query, at) {
  const answer = await ask('batch.json', {...chosen(), ...query});
  if (!answer.batch) return false;
  await show(answer.batch, at(answer.batch));
  return true;
}

const kept = () => now.at;

async function batchStep(by) {
  if (!now.batch) return;
  play(false);
  if (!await fetchBatch({which: by > 0 ? 'after' : 'before', number: now.batch.number}, kept))
    say(by > 0 ? 'This is the last batch so far.' : 'There is no batch before this one.');
}

// To the sample beside; at a batch's end to the rest of it (of a record), then to the batch beside.
async function sampleStep(by) {
  const batch = now.batch, at = now.at + by;
  if (!batch) return;
  play(false);
  const inside = at >= 0 && at < batch.samples.length;
  const more = now.state.record && by > 0 && batch.from + batch.samples.length < batch.matched;
  if (inside)
    await show(batch, at);
  else if (more)
    await fetchBatch({which: 'this', number: batch.number, from: batch.from + batch.samples.length}, () => 0);
  else if (!await fetchBatch({which: by > 0 ? 'after' : 'before', number: batch.number}, b => by > 0 ? 0 : b.samples.length - 1))
    say(by > 0 ? 'This is the last sample so far.' : 'There is no sample before this one.');
  if (now.batch) say(`Sample ${now.batch.samples[now.at].sample}`);
}

async function advance() {
  if (!now.playing || !now.state || now.busy) return;
  if (!now.state.record) {
    await fetchBatch({which: 'last'}, kept);
    return;
  }
  const stride = +$('pace').value.split(' ')[1] || 1, number = now.batch ? now.batch.number + stride - 1 : 0;
  if (await fetchBatch({which: 'after', number}, kept)) return;
  if (now.batch && now.state.record.read) {
    if (stride > 1) await fetchBatch({which: 'last'}, kept);
    play(false);
    say('This is the end of the record.');
  }
}

function play(playing, quiet) {
  if (now.playing === playing && !quiet) return;
  now.playing = playing;
  put('play', playing ? 'Pause' : 'Play');
  if (!quiet) say(playing ? 'Playing.' : 'Paused.');
}

// --- figures ---

async function figures() {
  if (!now.state) return;
  const wish = chosen();
  if (!wish.session && !wish.dataset && now.batch && !now.state.record) wish.session = now.batch.session;
  const told = await ask('figures.json', wish);
  if (!told.rows) return;
  const views = [...new Set(told.rows.map(row => row.view))];
  choices($('of'), views.map(view => [String(view), view < 0 ? 'AugSelf targets' : `view ${view}`]));
  const view = +$('of').value, rows = told.rows.filter(row => row.view === view);
  const repeats = told.repeated ? `, ${whole(told.repeated)} told again and left out` : '';
  put('verdict', `${told.dataset}: ${whole(told.batches)} batches${repeats}; ` + (told.tests === 0 ? 'nothing can be tested yet' :
    told.wrong ? `${told.wrong} of ${told.tests} tests differ from the law` : `all ${told.tests} tests agree with the law`));
  charts(rows);
  if ($('table-of-figures').open) table(rows, `${$('of').selectedOptions[0].textContent}, ${told.dataset}`);
}

// --- what somebody does ---

// One at a time; what fails is told by the pill.
const act = fn => async event => {
  event?.preventDefault();
  now.busy = true;
  try {
    await fn();
  } catch { /* as in loop */ }
  now.busy = false;
};

async function seek(query, words, at) {
  play(false);
  if (!await fetchBatch(query, at)) say(`${words} is not in the record.`);
  else say(`Step ${now.batch.sequence}, sample ${now.batch.samples[now.at].sample}`);
}

$('play').addEventListener('click', () => play(!now.playing));
$('back').addEventListener('click', act(() => sampleStep(-1)));
$('next').addEventListener('click', act(() => sampleStep(1)));
$('batch-back').addEventListener('click', act(() => batchStep(-1)));
$('batch-next').addEventListener('click', act(() => batchStep(1)));
$('slider').addEventListener('change', act(() =>
  seek({which: 'after', number: Math.max(0, +$('slider').value - 1)}, `Step ${$('slider').value}`, kept)));
$('step-form').addEventListener('submit', act(() =>
  seek({which: 'this', number: $('step').value}, `Step ${$('step').value}`, kept)));
$('sample-form').addEventListener('submit', act(() => seek({epoch: $('epoch').value, sample: $('sample').value},
  `Sample ${$('sample').value} of epoch ${$('epoch').value}`, b => b.samples.findIndex(s => s.sample === +$('sample').value))));
$('which').addEventListener('change', act(async () => {
  now.batch = null;
  await fetchBatch({which: now.state.record ? 'after' : 'last', number: 0}, () => 0);
  await figures();
}));
$('of').addEventListener('change', act(figures));
$('table-of-figures').addEventListener('toggle', act(figures));

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest('input, select, textarea, summary')) return;
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (event.key === ' ' && !event.target.closest('button, a')) {
    event.preventDefault();
    play(!now.playing);
  } else if (by && !event.target.closest('.scroll')) {
    act(() => event.shiftKey ? batchStep(by) : sampleStep(by))(event);
  }
});

choices($('pace'), paces.tap);
loop(() => STATE_MS, look);
loop(() => now.batch || now.playing ? +$('pace').value.split(' ')[0] : 200, async () => {
  if (!now.batch && now.state?.record) await fetchBatch({which: 'after', number: 0}, () => 0);
  else await advance();
});
loop(() => now.batch ? FIGURES_MS : 500, figures);
