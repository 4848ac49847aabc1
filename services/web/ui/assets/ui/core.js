// What every page uses: a guard around each widget, requests with the CSRF token, messages, questions, times, and the
// buttons and forms that say in their attributes what they do:
//
//   <button data-do="POST /path" data-body='{"a":1}' data-ask="Sure?" data-said="Done." data-then="/ui/x" data-task>
//   <form data-do="PUT /path">   fields become members by name; numbers, checkboxes and lists keep their type
//
// data-task: the answer names a task, whose progress is shown in the nearest .live (live.js).
(function () {
  'use strict';
  const ui = window.ui = {};
  const byId = (id) => document.getElementById(id);

  // What people read, in the language of the page: ui.t`...` is a text of the scripts, ui.said() one that came from the
  // server, found again by the patterns of the catalogue (as services/web/http/render/phrase.c does it).
  const texts = window.uiTexts || [];
  ui.locale = texts.length ? document.documentElement.lang : undefined; // English: as the browser is set
  const put = (said, values, raw = values) => said.replace(/([\x01\x05])(\d)/g, (_, kind, place) => (kind === '\x05' ? raw : values)[place - 1]);
  const number = (value) => typeof value === 'number' && ui.locale ? value.toLocaleString(ui.locale) : value;
  const byText = new Map(texts);
  ui.t = (parts, ...values) => {
    const text = byText.get(parts.join('\x01'));
    return text === undefined ? String.raw(parts, ...values) : put(text, values.map(number));
  };
  const quote = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const patterns = texts.filter((each) => !each[2] && /[\x01\x02]/.test(each[0])).map(([pattern, said]) => ({ pattern, said, match: null }));
  const matcher = (pattern) => { // where little is said, only words stand before the last place
    const any = pattern.replace(/[^a-z]/gi, '').length < 6 ? '([^ ]*?)' : '([^]*?)';
    return new RegExp(`^${quote(pattern).split('\x01').reduce((text, part, i, all) => text + (i === all.length - 1 ? '([^]*?)' : any) + part)
      .replace(/\x02/g, '(-?\\d[\\d.]*)')}$`);
  };
  ui.said = (text, nested = 0) => {
    if (!texts.length || !text || text.length > 4000 || nested > 3) return text;
    if (byText.has(text)) return byText.get(text);
    const parts = text.split(', '), said = parts.length > 1 ? parts.map((part) => ui.said(part, nested + 1)) : [];
    if (said.length && said.every((part, i) => part !== parts[i])) return said.join(', '); // a list of known words
    for (const each of patterns) {
      each.match = each.match || matcher(each.pattern);
      const found = each.match.exec(text);
      if (found) return put(each.said, found.slice(1).map((one) => isNaN(one) || one === '' ? ui.said(one, nested + 1) : number(Number(one))), found.slice(1));
    }
    return text;
  };

  // A widget that fails says so and leaves the rest of the page alone.
  ui.guard = (name, work) => {
    const report = (error) => {
      console.error(`${name}: ${error && error.stack || error}`);
      ui.say(ui.t`A part of this page failed (${name}). The rest works; reload to try again.`, 'bad');
    };
    try {
      const result = work();
      if (result && result.catch) return result.catch(report);
      return result;
    } catch (error) { report(error); }
  };
  ui.onReady = (name, work) => ui.guard(name, work); // scripts are deferred: the document is there
  ui.on = (type, selector, name, work) => document.addEventListener(type, (event) => {
    const target = event.target.closest && event.target.closest(selector);
    if (target) ui.guard(name, () => work(target, event));
  });

  // Names from outside stand in what is said and asked: none of them turns the words behind it round.
  const unturned = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '');

  ui.say = (text, tone = 'ok', seconds = tone === 'bad' ? 12 : 5) => {
    const box = byId('toasts');
    if (!box) return;
    const line = document.createElement('p');
    line.className = `notice ${tone}`;
    line.textContent = unturned(text);
    box.append(line);
    setTimeout(() => line.remove(), seconds * 1000);
  };

  ui.ask = (text, yes = ui.t`Yes`) => new Promise((resolve) => {
    const box = byId('confirm');
    byId('confirm-text').textContent = unturned(text);
    byId('confirm-yes').textContent = yes;
    box.addEventListener('close', () => resolve(box.returnValue === 'yes'), { once: true });
    box.returnValue = 'no';
    box.showModal();
  });

  // What a refusal says, and for which fields: detail is a text, {message}, or a list of faults with their place.
  function fault(status, body) {
    const error = new Error(ui.t`The server answered ${status}.`);
    error.status = status;
    error.fields = {};
    const detail = body && body.detail;
    if (typeof detail === 'string') error.message = ui.said(detail);
    else if (Array.isArray(detail)) {
      for (const each of detail) error.fields[(each.loc || []).slice(1).join('.')] = ui.said(each.msg);
      error.message = detail.map((each) => `${(each.loc || []).slice(1).join('.') || ui.t`request`}: ${ui.said(each.msg)}`).join('; ');
    } else if (detail && detail.message) {
      error.message = ui.said(detail.message);
      if (detail.field) error.fields[detail.field] = error.message;
    }
    return error;
  }

  // A request and the whole of its answer; an error says why there is none.
  ui.fetch = async (path, options, patienceMs) => {
    const limit = new AbortController(), timer = setTimeout(() => limit.abort(), patienceMs);
    try {
      const answer = await fetch(path, { ...options, signal: limit.signal });
      return { answer, text: await answer.text() };
    } catch {
      throw new Error(limit.signal.aborted ? ui.t`The server does not answer.` : ui.t`The server cannot be reached.`);
    } finally { clearTimeout(timer); }
  };

  // Who is logged in in this browser may be another by now, or in another session: another tab has seen to that.
  ui.takeWho = (page) => {
    const csrf = document.querySelector('meta[name=csrf]'), now = page.querySelector('meta[name=csrf]');
    if (csrf && now) csrf.content = now.content;
    if (now) document.body.toggleAttribute('data-viewer', page.body.hasAttribute('data-viewer'));
  };
  // Was the request refused because of the token of a session that is over, and is the same one logged in?
  const hasNewToken = async () => {
    const csrf = document.querySelector('meta[name=csrf]'), before = csrf && csrf.content;
    const { answer, text } = await ui.fetch(location.href, { headers: { Accept: 'text/html' } }, 20000);
    const page = new DOMParser().parseFromString(text, 'text/html'), user = page.getElementById('user');
    if (!csrf || !answer.ok || !user || user.textContent !== byId('user').textContent) return false;
    ui.takeWho(page);
    return csrf.content !== before;
  };

  ui.send = async (method, path, body, isAgain = false) => {
    const headers = { Accept: 'application/json' };
    const csrf = document.querySelector('meta[name=csrf]');
    if (method !== 'GET' && csrf) headers['X-CSRF-Token'] = csrf.content;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const { answer, text } = await ui.fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }, 120000);
    let json = null;
    try { json = JSON.parse(text); } catch { /* what is no JSON says nothing more than its status */ }
    if (answer.status === 403 && method !== 'GET' && !isAgain && await hasNewToken().catch(() => false)) return ui.send(method, path, body, true);
    if (answer.status === 401) {
      ui.keep();
      location.assign(`/ui/login?next=${encodeURIComponent(location.pathname + location.search)}`);
      throw new Error(ui.t`Your session is over: log in again.`);
    }
    if (!answer.ok) throw fault(answer.status, json);
    return json;
  };

  // Times: relative words, and the exact ones on hover (UTC) - kept fresh by a timer.
  const words = [[60, 1, 's'], [3600, 60, 'min'], [86400, 3600, 'h'], [Infinity, 86400, 'd']];
  const decimals = (n) => n.toLocaleString(ui.locale || 'en', { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false });
  ui.ago = (seconds) => {
    const far = Math.abs(seconds);
    if (far < 1) return ui.t`now`;
    const [, unit, word] = words.find(([limit]) => far < limit);
    const text = `${Math.floor(far / unit)} ${word}`;
    return seconds > 0 ? ui.t`${text} ago` : ui.t`in ${text}`;
  };
  ui.duration = (ms) => ms < 1000 ? `${Math.round(ms)} ms` : ms < 60000 ? `${decimals(ms / 1000)} s`
    : ms < 3600000 ? `${Math.floor(ms / 60000)} min ${Math.round(ms % 60000 / 1000)} s`
    : `${Math.floor(ms / 3600000)} h ${Math.round(ms % 3600000 / 60000)} min`;
  ui.bytes = (n) => n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(0)} KiB` : `${decimals(n / 1048576)} MiB`;
  const clock = new Intl.DateTimeFormat(ui.locale, { hour: '2-digit', minute: '2-digit' });
  const local = new Intl.DateTimeFormat(ui.locale, { dateStyle: 'medium', timeStyle: 'medium' });
  let isExact = false;
  ui.times = (root = document) => {
    for (const each of root.querySelectorAll('time[datetime]')) {
      const at = new Date(each.getAttribute('datetime'));
      if (isNaN(at)) continue;
      const text = isExact || each.hasAttribute('data-at') ? local.format(at) : each.hasAttribute('data-clock') ? clock.format(at) : ui.ago((Date.now() - at) / 1000);
      if (each.textContent !== text) each.textContent = text;
      const title = `${at.toISOString().replace('T', ' ').replace('Z', '')} UTC · ${local.format(at)}`;
      if (each.title !== title) each.title = title;
    }
    for (const each of root.querySelectorAll('[data-hour]')) each.textContent = String(new Date(each.dataset.hour).getHours()).padStart(2, '0');
    for (const each of root.querySelectorAll('[data-utc]')) each.hidden = true;
    for (const each of root.querySelectorAll('[data-ms]')) each.textContent = ui.duration(Number(each.dataset.ms));
    for (const each of root.querySelectorAll('[data-bytes]')) each.textContent = ui.bytes(Number(each.dataset.bytes));
  };

  // A form's fields as JSON.
  ui.fields = (form) => {
    const out = {};
    for (const field of form.elements) {
      if (!field.name || field.disabled) continue;
      if (field.type === 'checkbox' && field.dataset.list !== undefined) {
        out[field.name] = out[field.name] || [];
        if (field.checked) out[field.name].push(field.value);
      } else if (field.type === 'checkbox') out[field.name] = field.checked;
      else if (field.multiple) out[field.name] = [...field.selectedOptions].map((option) => option.value);
      else if (field.type === 'number' || field.dataset.number !== undefined) out[field.name] = field.value === '' ? undefined : Number(field.value);
      else out[field.name] = field.value;
    }
    return out;
  };

  // only: the field that was just touched; none = all are looked at.
  function showFieldFaults(form, fields, only = '') {
    for (const field of form.elements) {
      if (!field.name) continue;
      const place = form.querySelector(`[data-fault="${field.name}"]`);
      const isTouched = !only || field.name === only || field.getAttribute('aria-invalid') === 'true';
      const text = fields[field.name] || (isTouched && field.willValidate && !field.validity.valid ? field.validationMessage : '');
      if (place) place.textContent = text;
      if (place || text) field.setAttribute('aria-invalid', text ? 'true' : 'false');
    }
  }
  ui.on('input', 'form[data-do] *', 'validation', (field) => showFieldFaults(field.form, {}, field.name));

  const acting = new WeakSet(); // a refresh of the page may have enabled the button meanwhile
  async function act(element, body) {
    if (acting.has(element)) return;
    const [method, path] = element.dataset.do.split(' ');
    const rest = element.querySelector ? element.querySelector('[data-form-fault]') : null;
    if (element.dataset.ask && !await ui.ask(element.dataset.ask, element.dataset.yes)) return;
    const button = element.matches('form') ? element.querySelector('button.primary') : element;
    if (button) button.disabled = true;
    if (rest) rest.textContent = '';
    acting.add(element);
    try {
      const answer = await ui.send(method, path, body);
      const box = element.closest('dialog');
      if (box && box.open && !element.hasAttribute('data-stay')) box.close();
      if (element.dataset.said) ui.say(element.dataset.said);
      else if (answer && answer.message && !('task' in element.dataset)) ui.say(ui.said(answer.message));
      if ('task' in element.dataset && answer && answer.task_id) ui.follow(element, answer.task_id);
      element.dispatchEvent(new CustomEvent('done', { bubbles: true, detail: answer }));
      if (element.dataset.then) return location.assign(element.dataset.then);
      ui.refresh && ui.refresh();
    } catch (error) {
      if (element.matches('form') && error.fields) showFieldFaults(element, error.fields);
      if (rest) rest.textContent = error.message;
      else ui.say(error.message, 'bad');
    } finally {
      acting.delete(element);
      if (button) button.disabled = false;
    }
  }
  ui.on('click', 'button[data-do]', 'button', (button) =>
    act(button, button.dataset.body ? JSON.parse(button.dataset.body) : undefined));
  ui.on('submit', 'form[data-do]', 'form', (form, event) => {
    event.preventDefault();
    return act(form, ui.fields(form));
  });
  ui.on('click', '[data-open]', 'dialog', (button) => {
    const box = byId(button.dataset.open);
    const form = box.querySelector('form[data-do]');
    if (form) { form.reset(); showFieldFaults(form, {}, ' '); }
    box.showModal();
  });
  // The clipboard is closed to pages that come by http; what is marked can be copied there too.
  ui.on('click', '[data-copy]', 'copy', async (button) => {
    const place = byId(button.dataset.copy);
    if (navigator.clipboard) await navigator.clipboard.writeText(place.textContent);
    else {
      getSelection().selectAllChildren(place);
      if (!document.execCommand('copy')) return ui.say(ui.t`It is marked: copy it by hand.`, 'warn');
    }
    ui.say(ui.t`Copied.`);
  });
  ui.on('click', '[data-close]', 'dialog', (button) => button.closest('dialog').close());
  ui.on('click', '[data-theme-switch]', 'theme', () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = isDark ? 'light' : 'dark';
    try { localStorage.setItem('theme', root.dataset.theme); } catch { /* only for this page then */ }
  });
  // Filters apply as soon as a choice is made.
  ui.on('change', 'form.filters select', 'filter', (select) => select.form.requestSubmit());

  // Times of filters: in addresses they are in UTC, in their fields in the time of whoever fills them in.
  const two = (n) => String(n).padStart(2, '0');
  const inUtc = (text) => new Date(/Z$|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.length === 10 ? `${text}T00:00` : text}Z`);
  const here = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  for (const field of document.querySelectorAll('form.filters input[type=datetime-local]')) {
    const asked = field.getAttribute('value');
    const zone = field.parentElement.querySelector('[data-zone]');
    if (asked && !isNaN(inUtc(asked))) {
      field.value = field.dataset.shown = here(inUtc(asked)); // an hour that the clock shows twice stays the one that was asked for
      field.dataset.asked = inUtc(asked).toISOString();
    }
    if (!zone) continue;
    zone.textContent = ui.t`(your time)`;
    zone.title = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
  document.addEventListener('formdata', (event) => ui.guard('times', () => {
    for (const field of event.target.querySelectorAll('input[type=datetime-local]')) {
      if (!field.value) continue;
      const utc = field.value === field.dataset.shown ? field.dataset.asked : new Date(field.value).toISOString();
      event.formData.set(field.name, utc.slice(0, 16));
    }
  }));

  // Exact times instead of relative words: on touch and by keyboard there is no hovering.
  const showTimes = (isOn) => {
    isExact = isOn;
    for (const button of document.querySelectorAll('[data-times-switch]')) button.setAttribute('aria-pressed', String(isOn));
    ui.times();
  };
  ui.on('click', '[data-times-switch]', 'times', () => {
    showTimes(!isExact);
    try { localStorage.setItem('times', isExact ? 'exact' : ''); } catch { /* only for this page then */ }
  });

  // What was typed when a session ends is there again when one comes back. Passwords are not kept.
  const forms = () => [...document.querySelectorAll('form[data-do]')];
  const values = (field) => field.type === 'checkbox' ? field.checked : field.multiple ? [...field.selectedOptions].map((each) => each.value) : field.value;
  ui.keep = () => {
    const form = document.querySelector('dialog[open] form[data-do]');
    if (!form) return;
    const fields = [...form.elements].filter((field) => field.name && !['password', 'hidden'].includes(field.type)).map((field) => [field.name, field.value, values(field)]);
    const title = form.closest('dialog').querySelector('h2');
    try {
      sessionStorage.setItem('draft', JSON.stringify({ at: location.pathname + location.search, index: forms().indexOf(form), path: form.dataset.do, title: title && title.textContent, fields }));
    } catch { /* no storage: it is lost */ }
  };
  const restore = () => {
    const draft = JSON.parse(sessionStorage.getItem('draft') || 'null');
    if (!draft || draft.at !== location.pathname + location.search) return;
    sessionStorage.removeItem('draft');
    const form = forms()[draft.index];
    if (!form || !form.closest('dialog')) return;
    form.dataset.do = draft.path;
    for (const field of form.elements) {
      const kept = draft.fields.find(([name, value]) => name === field.name && (field.type !== 'checkbox' || value === field.value));
      if (!kept) continue;
      if (field.type === 'checkbox') field.checked = kept[2];
      else if (field.multiple) for (const option of field.options) option.selected = kept[2].includes(option.value);
      else field.value = kept[2];
    }
    const title = form.closest('dialog').querySelector('h2');
    if (title && draft.title) title.textContent = draft.title;
    form.closest('dialog').showModal();
    ui.say(ui.t`Your session was over. What you had typed is here again.`, 'warn', 12);
  };
  window.addEventListener('load', () => ui.guard('draft', restore));

  ui.guard('times', () => {
    let kept = '';
    try { kept = localStorage.getItem('times'); } catch { /* relative then */ }
    showTimes(kept === 'exact');
    setInterval(() => ui.guard('times', () => ui.times()), 1000);
  });
})();
