// Drawings and small things that pages share.
(function () {
  'use strict';
  const ui = window.ui;
  const SVG = 'http://www.w3.org/2000/svg';
  const make = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text) element.textContent = text;
    return element;
  };

  // The dependency graph: a column for each step of the order, arrows from what comes first.
  function drawGraph(place) {
    const types = JSON.parse(document.getElementById(place.dataset.graph).textContent) || [];
    const shape = JSON.stringify(types.map((t) => [t.object_type, t.display_name, t.depends_on, t.is_sync_enabled]));
    if (place.dataset.shape === shape) return;
    place.dataset.shape = shape;
    const byType = new Map(types.map((type) => [type.object_type, type]));
    const steps = new Map();
    const step = (type, seen = []) => {
      if (steps.has(type.object_type)) return steps.get(type.object_type);
      if (seen.includes(type.object_type)) return 0; // a circle is drawn, not followed
      const before = (type.depends_on || []).map((name) => byType.get(name)).filter(Boolean);
      const n = before.length ? 1 + Math.max(...before.map((each) => step(each, [...seen, type.object_type]))) : 0;
      steps.set(type.object_type, n);
      return n;
    };
    const columns = [];
    for (const type of types) (columns[step(type)] = columns[step(type)] || []).push(type);
    const w = 130, h = 34, dx = 165, dy = 48;
    const width = columns.length * dx - dx + w + 4, height = Math.max(1, ...columns.map((c) => c ? c.length : 0)) * dy;
    const svg = make('svg', { class: 'graph', viewBox: `0 0 ${width} ${height}`, role: 'img' });
    svg.append(make('title', {}, types.map((t) => t.depends_on && t.depends_on.length
      ? ui.t`${t.display_name} after ${t.depends_on.join(', ')}` : ui.said(t.display_name)).join('; ')));
    const tip = make('marker', { id: 'tip', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' });
    tip.append(make('path', { d: 'M0 0L8 4L0 8z', class: 'tip' }));
    svg.append(tip);
    const at = new Map();
    columns.forEach((column, i) => column.forEach((type, j) => at.set(type.object_type, [2 + i * dx, 6 + j * dy])));
    for (const type of types) for (const name of type.depends_on || []) {
      if (!at.has(name)) continue;
      const [x1, y1] = at.get(name), [x2, y2] = at.get(type.object_type);
      svg.append(make('path', { class: 'edge', 'marker-end': 'url(#tip)',
        d: `M${x1 + w} ${y1 + h / 2}C${x1 + w + 20} ${y1 + h / 2} ${x2 - 20} ${y2 + h / 2} ${x2} ${y2 + h / 2}` }));
    }
    for (const type of types) {
      const [x, y] = at.get(type.object_type);
      svg.append(make('rect', { class: type.is_sync_enabled ? 'box' : 'box off', x, y, width: w, height: h, rx: 6 }),
        make('text', { class: 'name', x: x + w / 2, y: y + h / 2 + 4, 'text-anchor': 'middle' },
          ((name) => name.length > 17 ? `${name.slice(0, 16)}…` : name)(ui.said(type.display_name))));
    }
    svg.setAttribute('width', Math.min(width, 1100));
    place.replaceChildren(svg);
  }
  const drawAll = () => {
    for (const place of document.querySelectorAll('[data-graph]')) ui.guard('order of syncs', () => drawGraph(place));
  };
  drawAll();
  document.addEventListener('refreshed', drawAll);

  // Lists with choices (an element data-choices): a box at the head for all, and buttons that act on what is chosen.
  const chosen = (table) => [...table.querySelectorAll('input[data-choose]:checked')].map((box) => box.value);
  const count = (table) => {
    for (const button of document.querySelectorAll(`[data-bulk="${table.id}"]`)) {
      button.disabled = !chosen(table).length;
    }
  };
  ui.on('change', 'input[data-choose-all]', 'choose all', (all) => {
    const table = all.closest('[data-choices]');
    for (const box of table.querySelectorAll('input[data-choose]')) box.checked = all.checked;
    count(table);
  });
  ui.on('change', 'input[data-choose]', 'choose', (box) => count(box.closest('[data-choices]')));
  document.addEventListener('refreshed', () => {
    for (const table of document.querySelectorAll('[data-choices]')) ui.guard('choices', () => count(table));
  });
  ui.on('click', '[data-bulk]', 'bulk action', async (button) => {
    const table = document.getElementById(button.dataset.bulk);
    const ids = chosen(table);
    if (button.dataset.bulkAsk && !await ui.ask(button.dataset.bulkAsk.replace('%', ids.length))) return;
    const [method, path] = button.dataset.bulkDo.split(' ');
    let done = 0, failed = '';
    button.disabled = true;
    for (const id of ids) {
      try {
        const body = button.dataset.bulkBody;
        await ui.send(method, path.replace('{id}', encodeURIComponent(id)), body && { [body]: id });
        done++;
      } catch (error) {
        failed = error.message;
        if (!error.status) break; // there is no answer: nor would there be to the others
      }
    }
    ui.say(failed ? ui.t`${done} of ${ids.length} done. ${failed}` : ui.t`${done} done.`, failed ? 'bad' : 'ok');
    for (const box of table.querySelectorAll('input:checked')) box.checked = false;
    ui.refresh();
  });
})();

// Small: lists that a word narrows, logs that show their end.
(function () {
  'use strict';
  const ui = window.ui;
  ui.on('input', '[data-filter]', 'narrow', (field) => {
    const word = field.value.trim().toLowerCase();
    const folded = document.querySelector(`details:has(#${field.dataset.filter})`);
    if (folded && word) folded.open = true;
    for (const row of document.querySelectorAll(`#${field.dataset.filter} tbody tr`))
      row.hidden = Boolean(word) && !row.textContent.toLowerCase().includes(word);
  });
  // A part of another page (data-load, its address; data-part, the id there), fetched when it is first to be seen.
  const load = async (place) => {
    if (place.dataset.state) return;
    place.dataset.state = 'asked';
    const { answer, text } = await ui.fetch(place.dataset.load, { headers: { Accept: 'text/html' } }, 20000)
      .catch((error) => { place.dataset.state = ''; throw error; });
    const part = new DOMParser().parseFromString(text, 'text/html').getElementById(place.dataset.part);
    if (!answer.ok || answer.redirected || !part) { place.dataset.state = ''; return; } // the link in it stays
    place.replaceChildren(...part.childNodes);
    ui.times(place);
  };
  for (const place of document.querySelectorAll('[data-load]'))
    if (!place.closest('details')) ui.guard('part', () => load(place));
  document.addEventListener('toggle', (event) => {
    const place = event.target.open && event.target.querySelector('[data-load]');
    if (place) ui.guard('part', () => load(place));
  }, true);
  const lines = document.getElementById('lines');
  if (lines) {
    // At its end it stays there; who has scrolled back reads on.
    let isAtEnd = true;
    const follow = () => { const now = document.getElementById('lines'); if (now && isAtEnd) now.scrollTop = now.scrollHeight; };
    document.addEventListener('scroll', (event) => {
      if (event.target.id === 'lines') isAtEnd = event.target.scrollTop + event.target.clientHeight > event.target.scrollHeight - 40;
    }, true);
    document.addEventListener('refreshed', follow);
    follow();
  }
})();
