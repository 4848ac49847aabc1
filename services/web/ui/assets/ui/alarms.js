// Alarms: the dialog of a silence, and what became of a test.
(function () {
  'use strict';
  const ui = window.ui;
  const byId = (id) => document.getElementById(id);

  ui.on('click', '[data-silence]', 'silence', (button) => {
    const box = byId('silence');
    const form = box.querySelector('form');
    form.reset();
    form.elements.key.value = button.dataset.silence;
    byId('silence-cause').textContent = button.dataset.cause;
    box.showModal();
  });

  document.addEventListener('done', (event) => ui.guard('test', () => {
    if (!event.target.hasAttribute('data-alert-test')) return;
    byId('test-result').textContent = event.detail.channels.map((each) => each.is_delivered
      ? ui.t`${ui.said(each.channel)}: delivered` : ui.t`${ui.said(each.channel)}: in vain, ${ui.said(each.error)}`).join('; ');
  }));
})();
