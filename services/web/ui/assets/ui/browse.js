// Browse: excluding and including several directories at once.
(function () {
  'use strict';
  const ui = window.ui;
  const chosen = () => [...document.querySelectorAll('input[data-directory]:checked')];
  const count = () => {
    for (const button of document.querySelectorAll('[data-exclude-chosen]')) button.disabled = !chosen().length;
  };
  ui.on('change', 'input[data-directory]', 'choose', count);
  document.addEventListener('refreshed', count);
  ui.on('click', '[data-exclude-chosen]', 'exclude', async (button) => {
    const boxes = chosen();
    const exclude = button.dataset.excludeChosen === 'true';
    try {
      await ui.send('POST', '/api/v1/directories/bulk-exclude',
        { directory_ids: boxes.map((box) => Number(box.dataset.directory)), exclude });
      for (const box of boxes) box.checked = false;
      ui.say(exclude ? ui.t`${boxes.length} directories are excluded.` : ui.t`${boxes.length} directories are included.`);
      ui.refresh();
    } catch (error) { ui.say(error.message, 'bad'); }
  });
})();
