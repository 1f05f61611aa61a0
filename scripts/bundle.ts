/**
 * `npm run bundle [-- FOLDER]`: the operator as one file, `dist/mtls-rollout.mjs`, and the licenses of what is inside.
 * client-node's generated API classes and models stay out: they are most of its weight, and the operator talks through
 * its own client.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

const PROJECT = join(import.meta.dirname, '..');
const CLIENT = join(PROJECT, 'node_modules/@kubernetes/client-node/dist');

/**
 * What is left of client-node. The operator base makes a CoreV1Api in its constructor that nobody uses, hence the
 * empty class.
 */
const SLIM_CLIENT = `
export { KubeConfig } from ${JSON.stringify(join(CLIENT, 'config.js'))};
export { Watch } from ${JSON.stringify(join(CLIENT, 'watch.js'))};
export class CoreV1Api {}
`;
/** `gen/index.js` would bring every API class; KubeConfig needs these two of its names. */
const SLIM_GENERATED = `
export { createConfiguration } from ${JSON.stringify(join(CLIENT, 'gen/configuration.js'))};
export { ServerConfiguration } from ${JSON.stringify(join(CLIENT, 'gen/servers.js'))};
`;

/** The HTTP client of the operator base; the operator replaces every method that would use it. */
const NO_GAXIOS = `
export function request() {
  throw new Error('the request of the operator base must not be used: override the method that called it');
}
`;

/** `locales` are zod's messages in sixty languages; ours are in the schemas. */
const SLIM = { client: SLIM_CLIENT, generated: SLIM_GENERATED, gaxios: NO_GAXIOS, locales: 'export {}' };

const slim: Plugin = {
  name: 'slim',
  setup(bundler) {
    bundler.onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({ path: 'client', namespace: 'slim' }));
    bundler.onResolve({ filter: /\/gen\/index\.js$/ }, ({ importer }) =>
      importer.startsWith(CLIENT) ? { path: 'generated', namespace: 'slim' } : undefined,
    );
    bundler.onResolve({ filter: /^gaxios$/ }, () => ({ path: 'gaxios', namespace: 'slim' }));
    bundler.onResolve({ filter: /\/locales\/index\.js$/ }, ({ importer }) =>
      importer.includes('/node_modules/zod/') ? { path: 'locales', namespace: 'slim' } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'slim' }, ({ path }) => ({
      contents: SLIM[path as keyof typeof SLIM],
      resolveDir: CLIENT,
    }));
  },
};

/** Writes the bundle of an entry and the licenses into a folder; returns the path of the bundle. */
async function bundle(entry: string, folder: string): Promise<string> {
  const outfile = join(folder, 'mtls-rollout.mjs');
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    absWorkingDir: PROJECT,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // names and short lines stay, for the sake of stack traces
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 200,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    plugins: [slim],
    // packages in CommonJS ask for Node's modules by require
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
  writeFileSync(join(folder, 'licenses.txt'), licenses(metafile));
  return outfile;
}

/** The license texts of every package that went into the bundle. */
function licenses(metafile: Metafile): string {
  const folders = new Set(
    Object.keys(metafile.inputs).flatMap(file => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  return [...folders]
    .toSorted()
    .map(folder => {
      const path = join(PROJECT, folder);
      const { name, version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest;
      const file = readdirSync(path).find(entry => /^(licen[cs]e|copying)/i.test(entry));
      const text = file === undefined ? '' : `\n${readFileSync(join(path, file), 'utf8').trim()}\n`;
      return `${name} ${version} (${license})\n${text}`;
    })
    .join(`\n${'-'.repeat(80)}\n`);
}

interface Manifest {
  name: string;
  version: string;
  license?: string;
}

if (import.meta.main) {
  const outfile = await bundle('src/main.ts', process.argv[2] ?? join(PROJECT, 'dist'));
  process.stdout.write(`wrote ${outfile}, ${Math.round(readFileSync(outfile).length / 1024)} KiB\n`);
}
