// Before the first paint: the theme that the viewer chose, if any, and that there are scripts.
(function () {
  'use strict';
  const root = document.documentElement;
  root.dataset.scripts = '';
  window.addEventListener('load', () => { if (!window.ui) delete root.dataset.scripts; }); // the others have not come
  try {
    const chosen = localStorage.getItem('theme');
    if (chosen === 'light' || chosen === 'dark') root.dataset.theme = chosen;
  } catch { /* no storage: the system's theme */ }
})();
