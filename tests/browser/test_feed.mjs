// The feed: a webhook from its making to its end, with a receiver in this process, and the journal of one object.
import { createServer } from 'node:http';
import { test, check, equal, until, sql } from './checks.mjs';

async function receiver() {
  const got = [];
  const state = { status: 200, got };
  const server = createServer((request, answer) => {
    let text = '';
    request.on('data', (piece) => { text += piece; });
    request.on('end', () => {
      got.push({ headers: request.headers, body: JSON.parse(text) });
      answer.writeHead(state.status).end('as asked');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${server.address().port}/hook`;
  state.end = () => server.close();
  return state;
}

test('feed: a webhook is added, tested, told, paused, resumed and deleted', async ({ page: open, pages }) => {
  const far = await receiver();
  const page = await open(pages, '/ui/feed');
  page.expects(/422/);
  await page.getByRole('button', { name: 'Add a webhook' }).click();
  const add = page.getByRole('dialog', { name: 'Add a webhook' });
  await add.getByLabel('URL').fill('https://10.0.0.1/inside');
  await add.getByRole('button', { name: 'Add', exact: true }).click();
  await add.getByText('it is not an address of the public Internet').first().waitFor();
  await add.getByLabel('URL').fill(far.url);
  await add.getByLabel('Called').fill('The ERP of the test');
  await add.getByLabel('projects').check();
  await add.getByRole('button', { name: 'Add', exact: true }).click();
  const secret = page.getByRole('dialog', { name: 'The secret, shown this once' });
  await secret.waitFor();
  check((await secret.locator('#secret-text').textContent()).startsWith('whsec_'), 'no secret');
  await secret.getByRole('button', { name: 'I have it' }).click();

  const hook = page.locator('#hooks article', { hasText: 'The ERP of the test' });
  await hook.getByText('active', { exact: true }).waitFor();
  await hook.getByRole('button', { name: /^Test webhook/ }).click();
  await until('the test came', () => far.got.some((each) => each.body.type === 'test'));
  far.got.length = 0;
  await sql("UPDATE projects SET description = 'told by a webhook' WHERE id = (SELECT min(id) FROM projects)");
  await until('the change came', () => far.got.some((each) => JSON.stringify(each.body).includes('told by a webhook')));
  await hook.getByText(/^200 /).waitFor();
  await hook.locator('svg.spark rect').first().waitFor();

  far.status = 500;
  await sql("UPDATE projects SET description = 'told in vain' WHERE id = (SELECT min(id) FROM projects)");
  await hook.getByText('failing', { exact: true }).waitFor();
  await hook.getByText('answers 500: as asked').waitFor();
  await hook.getByRole('button', { name: 'Pause' }).click();
  await hook.getByText('paused', { exact: true }).waitFor();
  far.status = 200;
  await hook.getByRole('button', { name: 'Resume' }).click();
  await until('it came after all', async () => await sql('SELECT count(*) FROM webhook_batches') === '0' && far.got.some((each) => JSON.stringify(each.body).includes('told in vain')));
  await hook.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Delete' }).click();
  await hook.waitFor({ state: 'detached' });
  equal(await sql('SELECT count(*) FROM webhooks'), '0', 'webhooks');
  far.end();
});

test('feed: the page of an elevation leads to what happened to it, with before and after', async ({ page: open, pages }) => {
  const id = await sql('SELECT min(id) FROM elevations WHERE deleted_at IS NULL');
  const name = await sql(`SELECT name FROM elevations WHERE id = ${id}`);
  await sql(`UPDATE elevations SET description = 'it was so' WHERE id = ${id}`);
  await sql(`UPDATE elevations SET description = 'and is <b>so</b>' WHERE id = ${id}`);
  const page = await open(pages, `/ui/browse/elevations/${id}`);
  await page.getByRole('link', { name: 'What happened to it' }).click();
  const row = page.locator('#journal tbody tr').first();
  await row.getByText('it was so').waitFor();
  await row.getByText('and is <b>so</b>').waitFor();
  await row.getByRole('link', { name, exact: true }).waitFor();
  const others = await page.locator('#journal tbody tr td:nth-child(3)').allTextContents();
  check(others.every((text) => text.includes(name)), `other objects: ${others}`);
  await page.goto('/ui/feed?type=glass');
  check(await page.locator('#journal tbody tr').count() <= 50, 'more than a page');
});
