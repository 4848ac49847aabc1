// API clients: the edit dialog, and the secret that is shown once.
(function () {
  'use strict';
  const ui = window.ui;
  const byId = (id) => document.getElementById(id);

  document.addEventListener('done', (event) => ui.guard('secret', () => {
    if (!event.target.hasAttribute('data-secret')) return;
    const answer = event.detail;
    byId('secret-id').textContent = answer.client_id || answer.client.client_id;
    byId('secret-text').textContent = answer.client_secret;
    byId('secret').showModal();
  }));
  byId('secret').addEventListener('close', () => { byId('secret-text').textContent = ''; });

  ui.on('click', '[data-client]', 'edit', (button) => {
    const client = JSON.parse(byId('clients-data').textContent).find((each) => each.client_id === button.dataset.client);
    const box = byId('client-edit');
    const form = box.querySelector('form');
    form.reset();
    form.dataset.do = `PUT /api/v1/admin/clients/${encodeURIComponent(client.client_id)}`;
    form.elements.name.value = client.name;
    form.elements.description.value = client.description || '';
    form.elements.rate_limit_per_hour.value = client.rate_limit_per_hour;
    const allowed = client.permissions.split(' ');
    for (const field of form.querySelectorAll('input[data-list]')) field.checked = allowed.includes(field.value);
    box.showModal();
  });
})();
