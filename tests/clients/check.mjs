// /openapi.json is a contract: it passes Redocly's recommended rules, its operation ids are unique, and what two
// generators make of it compiles with strict types and gets its work done.
// node tests/clients/check.mjs BASE_URL CLIENT_ID CLIENT_SECRET ADMIN_PASSWORD
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createConfig, lint } from '@redocly/openapi-core';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const [base, clientId, clientSecret, adminPassword] = process.argv.slice(2);

function expect(condition, text) {
  if (!condition) throw new Error(text);
}

async function follows_the_rules(file) {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lint({ ref: file, config });
  expect(problems.length === 0, `the document breaks rules:\n${problems.map((p) =>
    `${p.severity} ${p.ruleId}: ${p.message} (${p.location[0]?.pointer})`).join('\n')}`);
  const broken = join(dirname(file), 'broken.json'); // so that the above can fail
  writeFileSync(broken, JSON.stringify({ openapi: '3.1.0', info: { title: 't', version: '1' }, paths: { '/a/': { get: {} } } }));
  expect((await lint({ ref: broken, config })).length > 0, 'the rules find nothing, whatever the document says');
}

function names_are_unique(document) {
  const seen = new Set();
  for (const [path, item] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(item)) {
      expect(!seen.has(operation.operationId), `${method} ${path}: ${operation.operationId} is the name of two`);
      expect(/^[a-zA-Z]\w*$/.test(operation.operationId), `${operation.operationId} is no name in a program`);
      seen.add(operation.operationId);
    }
  expect(seen.size > 130, `only ${seen.size} operations`);
}

function compile(dir, files) {
  const options = { strict: true, noUnusedLocals: false, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: [], skipLibCheck: false, outDir: join(dir, 'out') };
  const program = ts.createProgram(files.map((f) => join(dir, f)), options);
  const found = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  expect(found.length === 0, ts.formatDiagnostics(found.slice(0, 20), {
    getCurrentDirectory: () => dir, getCanonicalFileName: (f) => f, getNewLine: () => '\n' }));
}

async function main() {
  mkdirSync(join(root, 'build'), { recursive: true });
  const dir = mkdtempSync(join(root, 'build', 'clients-')), file = join(dir, 'openapi.json');
  try {
    const text = await (await fetch(`${base}/openapi.json`)).text();
    writeFileSync(file, text);
    writeFileSync(join(dir, 'package.json'), '{"type": "module"}');
    names_are_unique(JSON.parse(text));
    await follows_the_rules(file);
    writeFileSync(join(dir, 'schema.ts'), astToString(await openapiTS(pathToFileURL(file))));
    execFileSync(join(root, 'node_modules', '.bin', 'oazapfts'), [file, join(dir, 'api.ts')], { stdio: 'pipe' });
    for (const name of ['by_schema.ts', 'by_functions.ts']) copyFileSync(join(here, name), join(dir, name));
    compile(dir, ['schema.ts', 'api.ts', 'by_schema.ts', 'by_functions.ts']);
    for (const name of ['by_schema.js', 'by_functions.js']) {
      const client = await import(pathToFileURL(join(dir, 'out', name)));
      console.log(`${name}: ${await client.work(base, clientId, clientSecret, adminPassword)}`);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error.stack || error);
  process.exitCode = 1;
});
