// What the tab says of the verdict: a mark in its title and the colour of its icon. A page that hears nothing from the
// server says that nothing is known, where it said that all is fresh.
(function () {
  'use strict';
  const ui = window.ui;
  const MARKS = { wrong: '✗ ', unknown: '? ', look: '! ' };
  const title = document.title, icon = document.querySelector('link[rel=icon]'), usual = icon && icon.getAttribute('href');

  function mark(state) {
    document.title = (MARKS[state] || '') + title;
    const other = icon && (state === 'look' ? icon.dataset.look : MARKS[state] ? icon.dataset.wrong : usual);
    if (other && icon.getAttribute('href') !== other) icon.setAttribute('href', other);
  }

  // As the page has it.
  ui.verdict = () => {
    const inner = document.querySelector('#verdict .verdict-inner');
    document.body.classList.remove('lost');
    mark(inner ? inner.dataset.state : '');
  };

  // Nothing on the page is known to hold any more since then (ms).
  ui.lost = (why, since) => {
    const inner = document.querySelector('#verdict .verdict-inner');
    mark('unknown');
    if (document.body.classList.contains('lost')) {
      const text = document.getElementById('lost-why');
      if (text && text.textContent !== why) text.textContent = why;
      return;
    }
    document.body.classList.add('lost');
    if (!inner) return;
    inner.className = 'verdict-inner unknown';
    inner.dataset.state = 'unknown';
    inner.querySelector('h2').textContent = ui.t`Not known since ${new Date(since).toLocaleTimeString(ui.locale)}`;
    const text = document.createElement('p');
    text.id = 'lost-why';
    text.textContent = why;
    inner.querySelector('h2').after(text);
  };

  ui.verdict();
})();
