// Keeps the page true. One stream of server-sent events tells which topics changed; a changed page is fetched again and
// its parts marked data-live are brought up to date in place, so that the server alone decides what things look like.
// Without a stream the page asks every few seconds. Progress of running syncs comes with the stream.
(function () {
  'use strict';
  const ui = window.ui;
  const POLL_MS = 5000, QUIET_MS = 30000, LEAST_MS = 900, PATIENCE_MS = 20000;
  // The server says every ten seconds that it is there; one that says nothing is asked, and after that not believed to be.
  const ASK_MS = 22000, LOSE_MS = 32000;
  const topics = (document.body.dataset.topics || '').split(' ').filter(Boolean);
  const state = document.getElementById('live-state');
  let revisions = null, last = 0, timer = 0, poller = 0, heard = Date.now(), isBusy = false;
  const isLost = () => document.body.classList.contains('lost');

  // ---- bringing one tree to the shape of another ----
  const keyOf = (node) => node.nodeType === 1 && (node.id || node.dataset.key) || null;
  function morph(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
    if (old.nodeType !== 1) {
      if (old.nodeValue !== fresh.nodeValue && old.parentNode && !old.parentNode.matches('time,[data-ms],[data-bytes],[data-hour]'))
        old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.hasAttribute('data-keep') || old.matches('dialog[open]')) return;
    for (const { name, value } of [...fresh.attributes])
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && !['open', 'title', 'style'].includes(name)) old.removeAttribute(name);
    if (old.matches('time,[data-ms],[data-bytes],[data-hour]')) return ui.times(old.parentNode);
    const known = new Map();
    for (const child of old.childNodes) if (keyOf(child)) known.set(keyOf(child), child);
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const match = keyOf(child) ? known.get(keyOf(child)) : at && !keyOf(at) ? at : null;
      if (match) {
        if (match !== at) old.insertBefore(match, at);
        const after = match.nextSibling;
        morph(match, child);
        at = after;
      } else old.insertBefore(child, at);
    }
    while (at) { const after = at.nextSibling; at.remove(); at = after; }
  }

  // A page that is hidden by then catches up when it is seen again.
  function later(ms) {
    timer = timer || setTimeout(() => { timer = 0; if (!document.hidden) ui.refresh(); }, ms);
  }

  // What a page of the server that refuses has to say.
  function saidBy(page) {
    const text = page.querySelector('main [role=alert]');
    return text ? text.textContent.trim().slice(0, 300) : '';
  }

  ui.refresh = async () => {
    if (isBusy) { later(LEAST_MS); return; }
    isBusy = true;
    last = Date.now();
    try {
      const { answer, text } = await ui.fetch(location.href, { headers: { Accept: 'text/html' } }, PATIENCE_MS);
      if (answer.redirected && new URL(answer.url).pathname === '/ui/login') {
        ui.keep();
        return location.assign(answer.url);
      }
      const fresh = new DOMParser().parseFromString(text, 'text/html');
      if (!answer.ok) throw new Error(saidBy(fresh) || ui.t`The server answered ${answer.status}.`);
      ui.takeWho(fresh);
      for (const part of document.querySelectorAll('[data-live]')) {
        const other = fresh.getElementById(part.id);
        if (other) ui.guard(`refresh ${part.id}`, () => morph(part, other));
      }
      ui.times();
      document.dispatchEvent(new CustomEvent('refreshed'));
      if (state) state.textContent = '';
      heard = Date.now();
      ui.verdict();
    } catch (error) {
      lose(error.message);
    } finally { isBusy = false; }
  };
  function lose(cause) {
    const why = ui.t`What you see may be old. ${cause}`;
    if (state && state.textContent !== why) state.textContent = why;
    ui.lost(why, heard);
  }
  const refreshSoon = () => { if (!document.hidden) later(Math.max(60, LEAST_MS - (Date.now() - last))); };

  // ---- the stream ----
  function hear() {
    heard = Date.now();
    if (isLost()) refreshSoon();
  }
  function take(now) {
    hear();
    const before = revisions;
    revisions = now.revisions || {};
    if (before && topics.some((topic) => before[topic] !== revisions[topic])) refreshSoon();
    for (const run of now.runs || []) ui.guard('progress', () => show(run));
  }
  function poll(isOn) {
    if (isOn && !poller) poller = setInterval(() => { if (!document.hidden) ui.refresh(); }, POLL_MS);
    if (!isOn && poller) { clearInterval(poller); poller = 0; }
  }
  // A hidden page listens to nothing: browsers allow few connections to a server, and other tabs need them.
  let stream = null, again = 0;
  function silence() {
    if (stream) stream.close();
    stream = null;
    clearTimeout(again);
    poll(false);
  }
  function retry() { // refused, or silent: ask instead, and try again later
    silence();
    poll(true);
    again = setTimeout(listen, QUIET_MS);
  }
  function listen() {
    silence();
    if (!topics.length || document.hidden) return;
    if (!window.EventSource) return poll(true);
    const own = stream = new EventSource('/ui/events');
    heard = Date.now();
    own.addEventListener('open', () => { heard = Date.now(); poll(false); });
    own.addEventListener('state', (event) => ui.guard('live', () => take(JSON.parse(event.data))));
    own.addEventListener('alive', hear);
    own.addEventListener('error', () => {
      if (own !== stream) return;
      if (own.readyState === EventSource.CLOSED) retry();
      else poll(true); // broken: the browser connects again by itself
    });
  }

  // ---- progress of a task ----
  const followed = new Map();
  const DONE = ['SUCCESS', 'FAILURE', 'REVOKED'];

  ui.follow = (near, id) => {
    const scope = near.closest('[data-key], tr, .card, dialog') || document;
    const place = scope.querySelector('.live') || document.querySelector('.live');
    if (!place || followed.has(id)) return;
    place.innerHTML = '';
    const bar = document.createElement('progress');
    bar.max = 100;
    bar.setAttribute('aria-label', ui.t`Progress`);
    const line = document.createElement('p');
    line.className = 'small soft';
    line.textContent = ui.t`Waiting for a worker`;
    const stop = document.createElement('button');
    stop.type = 'button';
    stop.textContent = ui.t`Cancel`;
    stop.addEventListener('click', () => ui.guard('cancel', async () => {
      stop.disabled = true;
      await ui.send('DELETE', `/api/v1/scheduler/tasks/${encodeURIComponent(id)}`).catch((e) => ui.say(e.message, 'bad'));
    }));
    place.append(bar, line, stop);
    place.hidden = false;
    place.dataset.task = id;
    followed.set(id, { place, bar, line, stop, isOver: false });
    ask(id);
  };

  function show(run) {
    const f = followed.get(run.task_id);
    if (!f || f.isOver) return;
    // Stream and asking both tell: what is older than what is shown is left out.
    if (run.text === f.text && run.total === f.total && run.current < f.current) return;
    Object.assign(f, { text: run.text, total: run.total, current: run.current });
    if (run.total > 0) f.bar.value = Math.min(99, 100 * run.current / run.total);
    const count = run.total > 0 ? ui.t`${run.current} of ${run.total}` : '';
    f.line.textContent = [run.text ? ui.said(run.text) : ui.t`Running`, count].filter(Boolean).join(' · ');
  }
  function end(id, answer) {
    const f = followed.get(id);
    if (!f || f.isOver) return;
    f.isOver = true;
    followed.delete(id);
    f.stop.remove();
    const result = answer.result && typeof answer.result === 'object' ? answer.result : {};
    const isGood = answer.status === 'SUCCESS' && result.success !== false;
    if (isGood) f.bar.value = 100;
    else if (!f.bar.hasAttribute('value')) f.bar.value = 0;
    f.place.className = `live ${isGood ? 'ok' : 'bad'}`;
    f.line.textContent = answer.status === 'REVOKED' ? ui.t`Cancelled`
      : isGood ? ui.said(result.message || (result.skipped ? result.reason : '')) || ui.t`Done`
      : ui.said(answer.error || result.message || result.error || result.reason) || ui.t`Failed`;
    if (result.preview || result.run_id) {
      const link = document.createElement('a');
      link.href = result.preview ? `/ui/tasks/${encodeURIComponent(id)}` : `/ui/runs/${result.run_id}`;
      link.textContent = result.preview ? ui.t`What would change` : ui.t`What it changed`;
      f.place.append(link);
    }
    refreshSoon();
  }
  async function ask(id) {
    for (let faults = 0; followed.has(id);) {
      try {
        const answer = await ui.send('GET', `/api/v1/scheduler/tasks/${encodeURIComponent(id)}`);
        faults = 0;
        if (DONE.includes(answer.status)) return end(id, answer);
        if (answer.status !== 'PENDING')
          show({ task_id: id, current: answer.current, total: answer.total, text: answer.message });
      } catch (error) { // that says nothing of the task, which goes on
        const f = followed.get(id);
        if (f && ++faults > 5) f.line.textContent = ui.t`What becomes of it is not known now: ${error.message}`;
      }
      await new Promise((resolve) => setTimeout(resolve, faults > 5 ? 3000 : 600));
    }
  }

  ui.guard('live', () => {
    listen();
    setInterval(() => {
      const silent = Date.now() - heard;
      if (document.hidden || !topics.length || silent < ASK_MS) return;
      if (stream) retry();
      if (silent < LOSE_MS) ui.refresh();
      else lose(ui.t`The server does not answer.`);
    }, POLL_MS);
    const comeBack = () => {
      listen();
      if (!document.hidden && topics.length) ui.refresh();
    };
    document.addEventListener('visibilitychange', comeBack);
    window.addEventListener('pageshow', (event) => { if (event.persisted) comeBack(); }); // by the back button, as it was left
    // What changes without a topic, as a log does, is asked for while it is looked at.
    const often = document.querySelector('[data-every]');
    if (often) setInterval(() => { if (!document.hidden) later(60); }, often.dataset.every * 1000);
    for (const place of document.querySelectorAll('.live[data-follow]'))
      if (place.dataset.follow) ui.follow(place, place.dataset.follow);
  });
})();
