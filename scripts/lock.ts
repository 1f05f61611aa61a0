/**
 * `npm run lock`, after every change of a dependency: brings package-lock.json up to date and completes it.
 * npm leaves out a package for another platform when the registry at hand does not serve it, and then `npm ci` refuses
 * the lock file everywhere. Such packages are added by name and version; on their platform npm looks up the rest.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Locked {
  version: string;
  cpu?: string[];
  os?: string[];
  libc?: string[];
  dev?: boolean;
  optional?: boolean;
  optionalDependencies?: Record<string, string>;
}

const FILE = 'package-lock.json';
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Platform by the name of a package, such as `@oxlint/binding-linux-x64-musl`. */
function platformOf(name: string): { os: string; cpu: string; libc: string | undefined } {
  const words = name.split(/[-/]/);
  const os = SYSTEMS.find(system => words.includes(system));
  const cpu = PROCESSORS.find(processor => words.includes(processor));
  if (os === undefined || cpu === undefined) throw new Error(`${name}: of which platform?`);
  if (os !== 'linux') return { os, cpu, libc: undefined };
  const musl = words.some(word => word.startsWith('musl'));
  const glibc = words.some(word => word.startsWith('gnu'));
  return { os, cpu, libc: musl ? 'musl' : glibc ? 'glibc' : undefined };
}

/** An entry in npm's own order of keys, so that npm leaves it as it is. */
function entryOf(name: string, version: string, dev: boolean): Locked {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${name}: "${version}" is not one version`);
  const { os, cpu, libc } = platformOf(name);
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    os: [os],
  };
}

const lock = JSON.parse(readFileSync(FILE, 'utf8')) as { packages: Record<string, Locked> };
const added: string[] = [];
for (const [path, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const place = `node_modules/${name}`;
    if (place in lock.packages || `${path}/${place}` in lock.packages) continue;
    lock.packages[place] = entryOf(name, version, dev === true);
    added.push(place);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${FILE}: added ${added.length} packages of other platforms\n`);
