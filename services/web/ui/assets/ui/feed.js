// The feed: the secret that is shown once, tests, the dialog of a replay, and a bar for each try of an endpoint.
(function () {
  'use strict';
  const ui = window.ui;
  const SVG = 'http://www.w3.org/2000/svg';
  const byId = (id) => document.getElementById(id);

  document.addEventListener('done', (event) => ui.guard('answer', () => {
    const answer = event.detail;
    if (event.target.hasAttribute('data-secret')) {
      byId('secret-text').textContent = answer.secret;
      byId('secret').showModal();
    }
    if (event.target.hasAttribute('data-test') && !answer.success) ui.say(ui.t`The test was not taken: ${answer.message}`, 'bad');
  }));
  byId('secret').addEventListener('close', () => { byId('secret-text').textContent = ''; });

  ui.on('click', '[data-replay]', 'replay', (button) => {
    const box = byId('hook-replay');
    const form = box.querySelector('form');
    form.reset();
    form.dataset.do = `POST /api/v1/webhooks/${button.dataset.replay}/replay`;
    box.showModal();
  });

  // As high as the try took, on a scale of powers of ten from 1 ms to 10 s; red where it was in vain.
  function drawTries(place) {
    const tries = JSON.parse(place.dataset.spark) || [];
    if (place.drawn === place.dataset.spark) return;
    place.drawn = place.dataset.spark;
    const make = (name, attributes) => {
      const element = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      return element;
    };
    if (!tries.length) return place.replaceChildren();
    const svg = make('svg', { class: 'spark', viewBox: '0 0 240 28', role: 'img', preserveAspectRatio: 'none' });
    const title = make('title', {});
    const bad = tries.filter((each) => each.error).length;
    title.textContent = ui.t`The last ${tries.length} tries: ${tries.length - bad} taken, ${bad} in vain`;
    svg.append(title);
    tries.slice(-60).forEach((each, i) => {
      const height = 3 + 25 * Math.min(1, Math.log10(Math.max(1, each.ms)) / 4);
      svg.append(make('rect', { class: each.error ? 'in-vain' : 'taken', x: i * 4, y: 28 - height, width: 3, height }));
    });
    place.replaceChildren(svg);
  }
  const drawAll = () => {
    for (const place of document.querySelectorAll('[data-spark]')) ui.guard('tries', () => drawTries(place));
  };
  drawAll();
  document.addEventListener('refreshed', drawAll);
})();
