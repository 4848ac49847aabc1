// Sync intervals: the edit dialog, filled from the data that the page came with (kept fresh with it).
(function () {
  'use strict';
  const ui = window.ui;
  const all = () => JSON.parse(document.getElementById('graph-data').textContent);

  ui.on('click', '[data-edit]', 'edit', (button) => {
    const type = all().find((each) => each.object_type === button.dataset.edit);
    const box = document.getElementById('interval-edit');
    const form = box.querySelector('form');
    form.reset();
    document.getElementById('edit-title').textContent = ui.t`Edit ${type.display_name}`;
    form.dataset.do = `PUT /api/v1/admin/sync-intervals/${type.object_type}`;
    for (const field of form.elements) {
      if (!field.name) continue;
      const value = type[field.name];
      if (field.type === 'checkbox') field.checked = Boolean(value);
      else if (field.multiple) {
        for (const option of field.options) {
          option.selected = (value || []).includes(option.value);
          option.disabled = option.value === type.object_type;
        }
      } else field.value = value === null || value === undefined ? '' : value;
      field.setAttribute('aria-invalid', 'false');
    }
    for (const place of form.querySelectorAll('.fault')) place.textContent = '';
    box.showModal();
  });

  // Interval above the staleness threshold: allowed, but hardly meant.
  ui.on('input', 'form[data-do] input[type=number]', 'hint', (field) => {
    const form = field.form;
    const interval = form.sync_interval_minutes, threshold = form.staleness_threshold_minutes;
    if (!interval || !threshold || !interval.validity.valid || !threshold.validity.valid) return;
    const place = form.querySelector('[data-fault=staleness_threshold_minutes]');
    place.textContent = Number(threshold.value) < Number(interval.value)
      ? ui.t`Shorter than the interval: it will be stale before each sync.` : '';
  });
})();
