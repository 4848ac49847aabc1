// The pages in German: chosen by a link or by the browser, without an English text of the catalogue left in any of them,
// at a phone's width, and accessible.
import { readFile } from 'node:fs/promises';
import { test, check, equal, until, sql } from './checks.mjs';
import { allPages, serious } from './looks.mjs';

const url = process.env.URL;
const po = await readFile(new URL('../../services/web/ui/language/de.po', import.meta.url), 'utf8');
const unquoted = (text) => text.replace(/\\(.)/g, (_, c) => c === 'n' ? '\n' : c);
const catalogue = [...po.matchAll(/^msgid "(.+)"\nmsgstr "(.+)"$/gm)].map(([, text, said]) => [unquoted(text), unquoted(said)]);
// English texts that are others in German, as expressions; a place fits any text.
const PLACE = /\{\{.*?\}\}|%[-+#0]*(?:\d+)?(?:\.\d+)?(?:ll|l|z)?[dsufgi]/;
const bare = (text) => text.replace(new RegExp(PLACE, 'g'), '%');
const english = catalogue.filter(([text, said]) => bare(text) !== bare(said) && text.replace(PLACE, '').match(/[A-Za-z]{2}/))
  .map(([text]) => new RegExp(`^${text.split(new RegExp(PLACE, 'g')).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*?')}$`));
// What German has no word for.
const WORDS = /(?:^|[\s(])(?:the|and|of|is|are|were|with|not|from|it|this|that|has|have|which|before|after|by|to|for)(?=$|[\s,.:;)])/i;

// Texts of a page and of its attributes, but names from outside, and what is marked as being in another language.
const textsOf = (page) => page.evaluate(() => {
  const skip = 'script, style, pre, code, bdi, h1, title, .mono, [lang=en], select[name=directory], noscript';
  const out = [];
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(skip)) out.push(walker.currentNode.nodeValue);
  for (const each of document.querySelectorAll('[title], [aria-label], [placeholder], [alt], [data-ask], [data-yes], [data-said], [data-label], [data-bulk-ask]'))
    if (!each.closest(skip) && !each.matches('time'))
      for (const name of ['title', 'aria-label', 'placeholder', 'alt', 'data-ask', 'data-yes', 'data-said', 'data-label', 'data-bulk-ask'])
        if (each.hasAttribute(name)) out.push(each.getAttribute(name));
  return out.map((text) => text.trim().replace(/\s+/g, ' ').replace(/^[·,.;:)(→›–|×]+\s*|\s*[·(]$/g, '')).filter(Boolean);
});
const said = new Set(catalogue.map(([, text]) => text));
const NAMES = ['admin', 'sync', 'migrate']; // of the user, a queue, a process
const leftOf = (texts) => [...new Set(texts)].filter((text) => !NAMES.includes(text) && !said.has(text)).filter((text) => WORDS.test(text) || english.some((each) => each.test(text)));

// Rules that texts can break; the others were looked at in English.
const RULES = ['aria-command-name', 'aria-input-field-name', 'aria-progressbar-name', 'aria-toggle-field-name', 'button-name', 'document-title', 'empty-heading',
  'html-has-lang', 'html-lang-valid', 'image-alt', 'input-button-name', 'label', 'link-name', 'role-img-alt', 'select-name', 'svg-img-alt', 'valid-lang'];

async function german(open, pages, options) {
  const page = await open(pages, null, options);
  await page.context().addCookies([{ name: 'logikald_language', value: 'de', url }]);
  return page;
}
const forget = (page) => page.context().clearCookies({ name: 'logikald_language' });

test('german: no page has an English text, is wider than a phone, or hard to use', async ({ page: open, pages }) => {
  const page = await german(open, pages, { viewport: { width: 320, height: 844 } });
  const faults = [];
  try {
    for (const where of await allPages()) {
      await page.goto(where);
      equal(await page.evaluate(() => document.documentElement.lang), 'de', `the language of ${where}`);
      for (const text of leftOf(await textsOf(page))) faults.push(`${where}: ${text.slice(0, 200)}`);
      const title = await page.title(), heading = await page.locator('h1').first().innerText();
      if (/[<>]|Why/.test(title + heading)) faults.push(`${where} is called ${title}, headed ${heading}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 0) faults.push(`${where} is ${wide} px wider than the phone`);
      for (const found of await serious(page, RULES)) faults.push(`${where}: ${found}`);
    }
  } finally { await forget(page); }
  check(!faults.length, faults.join('\n      '));
});

test('german: chosen by the browser, by a link that stays, and back', async ({ visitor, pages }) => {
  const page = await visitor(pages);
  const language = () => page.evaluate(() => document.documentElement.lang);
  page.expects(/401/); // a wrong password
  const answer = await fetch(`${url}/ui/login`, { headers: { 'Accept-Language': 'fr, de-AT;q=0.9, en;q=0.8' } });
  check(/Accept-Language/.test(answer.headers.get('vary')), `the answer varies by ${answer.headers.get('vary')}`);
  equal(answer.headers.get('content-language'), 'de', 'Content-Language');
  check((await answer.text()).includes('>Anmelden<'), 'the page is not in German');
  await page.goto('/ui/login?lang=de&next=/ui/tasks%3Fq%3Da');
  await page.getByRole('button', { name: 'Anmelden' }).waitFor();
  await page.getByRole('link', { name: 'English' }).click();
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  equal(new URL(page.url()).searchParams.get('next'), '/ui/tasks?q=a', 'the rest of the address');
  await page.goto('/ui/login');
  equal(await language(), 'en', 'the language of the next page');
  await page.getByRole('link', { name: 'Deutsch' }).click();
  await page.getByLabel('Name').fill('nobody');
  await page.getByLabel('Kennwort').fill('wrong password');
  await page.getByRole('button', { name: 'Anmelden' }).click();
  await page.getByText('Name oder Kennwort falsch.').waitFor();
  await page.context().clearCookies({ name: 'logikald_language' });
  await page.goto('/ui/login?lang=xx');
  equal(await language(), 'en', 'a language that there is none of');
});

test('german: what scripts say, times and numbers', async ({ page: open, pages }) => {
  const page = await german(open, pages);
  page.expects(/400/); // a type that is there already
  try {
    await page.goto('/ui/sync-intervals');
    await page.getByRole('button', { name: 'Auf Vorgaben zurücksetzen' }).click();
    await page.getByRole('button', { name: 'Zurücksetzen', exact: true }).click();
    await page.locator('#toasts', { hasText: 'Alle Typen haben wieder ihre Vorgaben.' }).waitFor();
    await page.getByRole('button', { name: 'Typ hinzufügen' }).click();
    const box = page.getByRole('dialog', { name: 'Typ hinzufügen' });
    await box.locator('[name=object_type]').fill('project');
    await box.locator('[name=display_name]').fill('Projekte');
    await box.getByRole('button', { name: 'Hinzufügen' }).click();
    await page.getByText('Die Einstellungen für Projekt gibt es schon').first().waitFor();
    equal(await page.evaluate(() => [window.ui.duration(1500), window.ui.ago(90), window.ui.bytes(1572864), window.ui.said('3 tasks were cancelled.')].join('|')),
      '1,5 s|vor 1 min|1,5 MiB|3 Aufgaben wurden abgebrochen.', 'what scripts say');
    await page.goto('/ui/runs/1');
    const at = await page.locator('#run time').first().innerText();
    check(/^\d\d\.\d\d\.\d{4},? \d\d:\d\d/.test(at), `a time is ${at}`);
  } finally { await forget(page); }
});

test('german: orders are printed in it', async ({ page: open, pages }) => {
  const page = await open(pages, null);
  page.expects(/404/); // these pages have no icon
  const project = await sql(`SELECT p.id FROM projects p WHERE p.deleted_at IS NULL ORDER BY p.id LIMIT 1`);
  for (const [path, title, column] of [['glass-order', 'Glasbestellung', 'Lieferant'], ['cutting-list', 'Zuschnittliste', 'Länge'], ['stock-list', 'Materialliste', 'VE']]) {
    await page.goto(`/api/v1/projects/${project}/${path}/print?incomplete=true&lang=de`);
    await page.getByRole('heading', { name: title }).waitFor();
    await page.getByRole('columnheader', { name: column, exact: true }).waitFor();
    equal(await page.evaluate(() => document.documentElement.lang), 'de', 'the language');
    const left = leftOf(await textsOf(page));
    check(!left.length, `in the ${path} is left: ${left.join('; ')}`);
    const wrong = await page.evaluate(() => [...document.querySelectorAll('td.n')].map((each) => each.textContent).find((text) => /\d\.\d{1,2}(?!\d)/.test(text)));
    check(!wrong, `a number is ${wrong}`);
    const wide = await page.evaluate(() => {
      document.querySelector('bdi').textContent = 'Glasfassade'.repeat(20); // a project's name without a blank to break it at
      return document.documentElement.scrollWidth - window.innerWidth;
    });
    check(wide <= 0, `${path} is ${wide} px wider than the sheet`);
  }
  await forget(page);
});
