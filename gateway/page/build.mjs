// Builds the offline GraphiQL page into dist/: one script, one style sheet, three Monaco workers,
// the licences of everything in them, and a manifest.json that names the files.
//
// Each name holds a hash of the content, so that a browser may keep a file for ever.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const page = dirname(fileURLToPath(import.meta.url));
const dist = join(page, 'dist');
const assets = join(dist, 'assets');

const workers = {
  editor: 'monaco-editor/esm/vs/editor/editor.worker.js',
  graphql: 'monaco-graphql/esm/graphql.worker.js',
  json: 'monaco-editor/esm/vs/language/json/json.worker.js',
};

const common = {
  absWorkingDir: page,
  outdir: assets,
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  metafile: true,
  legalComments: 'none', // whole licences stand in licenses.txt
  logLevel: 'warning',
  target: ['es2022'],
  define: { 'process.env.NODE_ENV': '"production"' },
};

await rm(dist, { recursive: true, force: true });
await mkdir(assets, { recursive: true });

const workerBuild = await build({ ...common, format: 'iife', entryPoints: workers });
const workerFiles = Object.fromEntries(
  Object.keys(workers).map(name => [name, emitted(workerBuild, `${name}-`, '.js')]),
);

const pageBuild = await build({
  ...common,
  format: 'esm', // import.meta.url is where the workers are found, under any path prefix
  entryPoints: { graphiql: 'src/main.jsx' },
  jsx: 'automatic',
  loader: { '.ttf': 'dataurl' },
  define: { ...common.define, WORKER_FILES: JSON.stringify(workerFiles) },
});

const manifest = {
  script: emitted(pageBuild, 'graphiql-', '.js'),
  style: emitted(pageBuild, 'graphiql-', '.css'),
  workers: workerFiles,
};
await writeFile(join(dist, 'licenses.txt'), await licences([workerBuild, pageBuild]));
await writeFile(join(dist, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);

const outputs = { ...workerBuild.metafile.outputs, ...pageBuild.metafile.outputs };
for (const [path, { bytes }] of Object.entries(outputs)) {
  const kilobytes = Math.round(bytes / 1000).toString();
  console.log(`${kilobytes.padStart(6)} kB  ${relative(dist, join(page, path))}`);
}

function emitted(result, prefix, suffix) {
  const names = Object.keys(result.metafile.outputs).map(path => basename(path));
  const matching = names.filter(name => name.startsWith(prefix) && name.endsWith(suffix));
  if (matching.length !== 1) {
    throw new Error(`expected one ${prefix}*${suffix}, found: ${matching.join(', ') || 'none'}`);
  }
  return matching[0];
}

async function licences(results) {
  const inputs = results.flatMap(result => Object.keys(result.metafile.inputs));
  const folders = new Set(inputs.map(packageFolder).filter(Boolean));
  const texts = await Promise.all([...folders].sort().map(licence));
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

function packageFolder(input) {
  return input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1];
}

async function licence(folder) {
  const about = JSON.parse(await readFile(join(page, folder, 'package.json'), 'utf8'));
  const files = await readdir(join(page, folder));
  const named = files.filter(file => /^(licen[cs]e|notice|thirdpartynotices)/i.test(file)).sort();
  const texts = await Promise.all(named.map(file => readFile(join(page, folder, file), 'utf8')));
  return [`${about.name} ${about.version} (${about.license})\n`, ...texts].join('\n');
}
