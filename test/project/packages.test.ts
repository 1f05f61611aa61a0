import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';

interface Locked {
  version?: string;
  license?: string;
  integrity?: string;
  resolved?: string;
  dev?: boolean;
  devOptional?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
  os?: unknown;
  optionalDependencies?: Record<string, string>;
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>;
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
const all = Object.entries(lock.packages).filter(([path]) => path !== '');
const runtime = all.filter(([, entry]) => !entry.dev && !entry.devOptional);
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** A dependency of the operator at run time is a decision: this list is where it shows in a review. */
const DIRECT = [
  '@dot-i/k8s-operator',
  '@kubernetes/client-node',
  '@prometheus-io/lezer-promql',
  'diff',
  'js-yaml',
  'luxon',
  'prom-client',
  'undici',
  'winston',
  'zod',
];
const LICENSES = [
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'PSF-2.0',
  'Python-2.0',
  'Unlicense',
  'BlueOak-1.0.0',
];

describe('packages', () => {
  it('are few and known at run time', () => {
    assert.deepEqual(Object.keys(manifest.dependencies!).sort(), DIRECT);
    assert.ok(DIRECT.length <= 10);
    assert.ok(runtime.length <= 125, `${runtime.length} packages at run time`);
  });

  it('are pinned to exact versions', () => {
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
      for (const [name, version] of Object.entries(manifest[kind]!)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
    }
  });

  it('hold exactly one Kubernetes client', () => {
    const clients = all
      .filter(([path]) => nameOf(path) === '@kubernetes/client-node')
      .map(([, entry]) => entry.version);
    assert.deepEqual(clients, [manifest.dependencies!['@kubernetes/client-node']]);
  });

  it('hold nothing that is abandoned', () => {
    const abandoned = all.filter(
      ([path, entry]) => nameOf(path) === 'request' || (nameOf(path) === 'tar' && /^[0-6]\./.test(entry.version!)),
    );
    assert.deepEqual(
      abandoned.map(([path]) => path),
      [],
    );
  });

  it('run no scripts when installed', () => {
    assert.deepEqual(
      runtime.filter(([, entry]) => entry.hasInstallScript).map(([path]) => path),
      [],
    );
    assert.match(readFileSync('.npmrc', 'utf8'), /^ignore-scripts=true$/m);
  });

  it('are locked by content, and name no registry', () => {
    // a development tool for another platform may be one that the registry at hand did not serve
    const elsewhere = ({ dev, optional, os }: Locked) => dev && optional && os !== undefined;
    assert.deepEqual(
      all.filter(([, entry]) => !entry.integrity && !elsewhere(entry)).map(([path]) => path),
      [],
    );
    assert.deepEqual(
      all.filter(([, entry]) => entry.resolved).map(([path]) => path),
      [],
    );
  });

  it('are locked for every platform, so that npm ci accepts the lock file', () => {
    const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        name => !(`node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages),
      ),
    );
    assert.deepEqual(missing, [], 'run "npm run lock"');
  });

  it('have licenses that go with Apache-2.0', () => {
    const others = runtime.filter(([, entry]) => !LICENSES.includes(entry.license ?? ''));
    assert.deepEqual(
      others.map(([path, entry]) => `${path}: ${entry.license}`),
      [],
    );
    assert.match(readFileSync('LICENSE', 'utf8'), /Apache License\s+Version 2\.0, January 2004/);
  });

  it('have their entry points where package.json says they are built', () => {
    for (const target of Object.values(manifest.bin!)) {
      const source = target.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts');
      assert.ok(existsSync(source), `${source} is missing for ${target}`);
    }
  });
});
