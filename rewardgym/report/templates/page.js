// The report's script: what a mark says, saving a figure, the theme. Text is only ever set as text.
(() => {
'use strict';

const data = JSON.parse(document.getElementById('report-data').textContent);
const tip = document.getElementById('tip');
const ring = document.getElementById('ring');
const REACH = 24; // pixels from a mark at which a pointer still means it

for (const element of document.querySelectorAll('.needs-script')) element.hidden = false;

// Theme: the system's, until a reader chooses

const THEMES = ['system', 'light', 'dark'];
const switcher = document.getElementById('theme');

function remembered() {
  try { return localStorage.getItem('rewardgym-theme') || 'system'; } catch { return 'system'; }
}

function setTheme(name) {
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  switcher.textContent = 'Theme: ' + name;
  try { localStorage.setItem('rewardgym-theme', name); } catch { /* a page from disk may not */ }
}

setTheme(THEMES.includes(remembered()) ? remembered() : 'system');
switcher.addEventListener('click', () => {
  const next = THEMES.indexOf(document.documentElement.dataset.theme || 'system') + 1;
  setTheme(THEMES[next % THEMES.length]);
});

// Marks: what one says, shown to a pointer and to the keyboard alike

function show(mark) {
  const box = mark.element.getBoundingClientRect();
  tip.replaceChildren(...mark.text.split('; ').map((line) => {
    const span = document.createElement('span');
    span.textContent = line;
    return span;
  }));
  tip.hidden = ring.hidden = false;
  Object.assign(ring.style, {
    left: `${box.left + scrollX - 4}px`, top: `${box.top + scrollY - 4}px`,
    width: `${box.width + 8}px`, height: `${box.height + 8}px`,
  });
  const own = tip.getBoundingClientRect();
  const left = Math.min(box.left + box.width / 2, document.documentElement.clientWidth - own.width - 8);
  const above = box.top - own.height - 10;
  tip.style.left = `${Math.max(8, left) + scrollX}px`;
  tip.style.top = `${(above > 0 ? above : box.bottom + 10) + scrollY}px`;
}

function hide() {
  tip.hidden = ring.hidden = true;
}

function distance(box, x, y) {
  const aside = Math.max(box.left - x, 0, x - box.right);
  const over = Math.max(box.top - y, 0, y - box.bottom);
  const middle = Math.hypot((box.left + box.right) / 2 - x, (box.top + box.bottom) / 2 - y);
  return Math.hypot(aside, over) + middle / 1e4; // the middle decides between marks that overlap
}

function nearest(marks, x, y) {
  let best = null, least = REACH;
  for (const mark of marks) {
    const away = distance(mark.element.getBoundingClientRect(), x, y);
    if (away < least) [best, least] = [mark, away];
  }
  return best;
}

function open(mark) {
  if (!mark.query || !document.getElementById('replies')) return;
  hide();
  const hash = '#replies?' + mark.query;
  if (location.hash === hash) document.getElementById('replies').scrollIntoView();
  else location.hash = hash;
}

// One stop of the Tab key a figure; arrows go from mark to mark.
function step(marks, here, key) {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
  const place = key === 'Home' ? 0 : key === 'End' ? marks.length - 1 : by ? here + by : null;
  if (place === null || !marks[place]) return false;
  marks[here].element.setAttribute('tabindex', '-1');
  marks[place].element.setAttribute('tabindex', '0');
  marks[place].element.focus();
  return true;
}

function listen(picture, marks) {
  picture.addEventListener('pointermove', (event) => {
    const mark = nearest(marks, event.clientX, event.clientY);
    picture.classList.toggle('on', Boolean(mark));
    if (mark) show(mark); else hide();
  });
  picture.addEventListener('pointerleave', hide);
  picture.addEventListener('click', (event) => {
    const mark = nearest(marks, event.clientX, event.clientY);
    if (mark) open(mark);
  });
  marks.forEach((mark, place) => {
    mark.element.addEventListener('focus', () => show(mark));
    mark.element.addEventListener('blur', hide);
    mark.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') hide();
      else if (event.key === 'Enter' || event.key === ' ') open(mark);
      else if (!step(marks, place, event.key)) return;
      event.preventDefault();
    });
  });
}

function prepare(picture, figure) {
  const links = Boolean(document.getElementById('replies'));
  const marks = figure.marks
    .map(([id, text, query]) => (
      { element: document.getElementById(picture.dataset.prefix + id), text, query }))
    .filter((mark) => mark.element);
  marks.forEach(({ element, text, query }, place) => {
    element.setAttribute('data-mark', '');
    element.setAttribute('role', links && query ? 'link' : 'img');
    element.setAttribute('aria-label', text + (links && query ? '; go to its replies' : ''));
    element.setAttribute('tabindex', place ? '-1' : '0');
  });
  if (marks.length) listen(picture, marks);
}

for (const [id, figure] of Object.entries(data)) {
  for (const picture of document.getElementById(id).querySelectorAll('.picture')) {
    prepare(picture, figure);
  }
}

addEventListener('resize', hide);
addEventListener('scroll', (event) => { if (event.target !== document) hide(); }, true);

// Saving

function save(name, type, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// On white with dark text, whatever the page's theme: a saved figure goes onto paper.
function alone(svg) {
  const copy = svg.cloneNode(true);
  for (const element of copy.querySelectorAll('[data-mark]')) {
    for (const name of ['data-mark', 'role', 'aria-label', 'tabindex']) element.removeAttribute(name);
  }
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('color', '#000000');
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const [name, value] of [['width', '100%'], ['height', '100%'], ['fill', '#ffffff']]) {
    ground.setAttribute(name, value);
  }
  copy.prepend(ground);
  return '<?xml version="1.0" encoding="utf-8"?>\n' + new XMLSerializer().serializeToString(copy);
}

for (const button of document.querySelectorAll('[data-save]')) {
  button.addEventListener('click', () => {
    const id = button.dataset.figure;
    if (button.dataset.save === 'csv') save(id + '.csv', 'text/csv', data[data[id].csv_of].csv);
    else save(id + '.svg', 'image/svg+xml', alone(document.getElementById(id).querySelector('.picture svg')));
  });
}

// On paper nothing can be unfolded.
addEventListener('beforeprint', () => {
  for (const fold of document.querySelectorAll('main details')) fold.open = true;
});
})();
