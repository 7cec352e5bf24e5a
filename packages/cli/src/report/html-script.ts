/** The script of a page: steps through the rows and shows the state after each beside them. It only adds to the table. */
export const SCRIPT = `'use strict';
(() => {
const $ = (id) => document.getElementById(id);
const { threads, cells, layouts, steps } = JSON.parse($('data').textContent);
const rows = [...$('steps').tBodies[0].rows];
let at = -1;

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const shown = (i) => !(document.body.classList.contains('shorter') && rows[i].classList.contains('minor'));
const bits = (value, { lo, hi }) => (value >> BigInt(lo)) & ((1n << BigInt(hi - lo + 1)) - 1n);
const classOf = (value, was) => (value === 0n ? 'off' : 'on') + (value === was ? '' : ' changed');

function cellView({ place, size }, { value: text, was: before, says, layout }) {
  const value = BigInt(text), was = BigInt(before), fields = layouts[layout];
  const view = make('div', 'cell');
  const head = make('h4', '', place + ' = ' + text);
  view.append(head);
  if (says) view.append(make('div', 'says', says));
  const grid = make('div', 'bits');
  for (let bit = size * 8 - 1; bit >= 0; bit--) {
    const one = { lo: bit, hi: bit };
    const field = fields.find(({ lo, hi }) => lo <= bit && bit <= hi);
    const box = make('span', 'bit ' + classOf(bits(value, one), bits(was, one)), String(bits(value, one)));
    box.append(make('small', '', field && field.lo === field.hi ? field.tag : String(bit)));
    box.title = 'bit ' + bit + (field ? ': ' + field.name : '');
    grid.append(box);
  }
  const list = make('table', 'fields');
  for (const field of says ? [...fields].reverse() : []) {
    const now = bits(value, field), old = bits(was, field);
    if (now === 0n && old === 0n) continue;
    const row = make('tr', now === old ? '' : 'changed');
    const range = field.lo === field.hi ? String(field.lo) : field.hi + '-' + field.lo;
    for (const cell of [field.tag, now === old ? String(now) : old + ' → ' + now, range, field.name]) row.append(make('td', '', cell));
    list.append(row);
  }
  view.append(grid, list);
  return view;
}

function show(i, follow = true) {
  if (i < 0 || i >= rows.length) return;
  if (at >= 0) rows[at].removeAttribute('aria-current');
  at = i;
  const step = steps[i];
  rows[i].setAttribute('aria-current', 'step');
  $('where').textContent = threads[step.thread] + ', row ' + (i + 1) + ' of ' + rows.length;
  $('now').replaceChildren(make('code', '', step.text), ...(step.step ? [' ', make('span', 'step', step.step)] : []));
  $('sptes').hidden = cells.length === 0;
  $('cells').replaceChildren(...cells.map((cell, c) => cellView(cell, step.cells[c])));
  const held = step.held.flatMap((locks, t) => locks.length ? [make('div', '', threads[t] + ': ' + locks.join(', '))] : []);
  $('locks').replaceChildren(...(held.length ? held : ['none']));
  $('path').replaceChildren(...step.frames.map(({ fn, at: place, text }) => {
    const line = make('li', '', fn + '() ' + place + ' ');
    line.append(make('code', '', text));
    return line;
  }));
  $('previous').disabled = i === 0;
  $('next').disabled = i === rows.length - 1;
  if (follow) {
    rows[i].scrollIntoView({ block: 'nearest' });
    history.replaceState(null, '', '#s' + (i + 1));
  }
}

function seek(way, wanted) {
  for (let i = at + way; i >= 0 && i < rows.length; i += way) if (shown(i) && wanted(i)) return show(i), true;
  return false;
}
const any = () => true;
const edge = (way) => {
  const from = way > 0 ? rows.findIndex((_, i) => shown(i)) : rows.findLastIndex((_, i) => shown(i));
  show(from);
};
const has = (name) => (i) => rows[i].classList.contains(name);
function shorter() {
  const on = document.body.classList.toggle('shorter');
  $('shorter').setAttribute('aria-pressed', String(on));
  if (!shown(at)) seek(1, any) || seek(-1, any);
}
const keys = {
  j: () => seek(1, any), ArrowDown: () => seek(1, any), k: () => seek(-1, any), ArrowUp: () => seek(-1, any),
  n: () => seek(1, has('switch')), p: () => seek(-1, has('switch')),
  e: () => seek(1, has('changes')), r: () => seek(-1, has('changes')),
  Home: () => edge(1), End: () => edge(-1), h: shorter,
};
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});
$('steps').tBodies[0].addEventListener('click', (event) => {
  const row = event.target.closest('tr');
  if (row && !getSelection().toString()) { event.preventDefault(); show(rows.indexOf(row)); }
});
$('previous').addEventListener('click', keys.k);
$('next').addEventListener('click', keys.j);
$('shorter').addEventListener('click', shorter);
for (const holder of document.querySelectorAll('.copy')) {
  const button = make('button', '', 'copy');
  button.type = 'button';
  button.addEventListener('click', () => {
    getSelection().selectAllChildren(holder.querySelector('code'));
    navigator.clipboard?.writeText(getSelection().toString()).then(() => { button.textContent = 'copied'; }, () => {});
  });
  holder.append(button);
}
const fromHash = () => {
  const i = rows.findIndex((row) => '#' + row.id === location.hash);
  if (i >= 0 && i !== at) show(i);
};
addEventListener('hashchange', fromHash);
document.documentElement.classList.add('js');
$('tools').hidden = $('panel').hidden = false;
fromHash();
if (at < 0) show(0, false);
})();
`;
