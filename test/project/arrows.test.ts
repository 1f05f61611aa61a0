import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { violations } from './arrows.ts';
import { blank, imports } from './source.ts';

const MOST_LINES = 250;

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => `src/${name.split(sep).join('/')}`);

describe('sources', () => {
  it('import along the arrows, and the pure parts are pure', () => {
    assert.ok(sources.length > 0);
    assert.deepEqual(
      sources.flatMap(file => violations(file, readFileSync(file, 'utf8'))),
      [],
    );
  });

  it(`have at most ${MOST_LINES} lines`, () => {
    const lines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n').length;
    assert.deepEqual(
      sources.filter(file => lines(file) > MOST_LINES).map(file => `${file}: ${lines(file)} lines`),
      [],
    );
  });
});

describe('the check on sources', () => {
  const wrong: [file: string, source: string, problem: RegExp][] = [
    ['src/api/a.ts', "import { x } from '../istio/x.ts';", /api must not import \.\.\/istio\/x\.ts: allowed are none/],
    ['src/istio/a.ts', "import type { x } from '../rollout/x.ts';", /istio must not import/],
    ['src/rollout/a.ts', "export * from '../probes/x.ts';", /rollout must not import/],
    ['src/rollout/deep/a.ts', "import {\n  x,\n} from '../../cluster/x.ts';", /rollout must not import/],
    ['src/probes/a.ts', "const x = await import('../cluster/x.ts');", /probes must not import/],
    ['src/cluster/a.ts', "type X = import('../report/x.ts').X;", /cluster must not import/],
    ['src/report/a.ts', "import '../operator/x.ts';", /report must not import/],
    ['src/operator/a.ts', "import { x } from '../sim/x.ts';", /operator must not import/],
    ['src/operator/a.ts', "import { x } from '../main.ts';", /operator must not import/],
    ['src/sim/a.ts', "import { x } from '../cli/x.ts';", /sim must not import/],
    ['src/cli/a.ts', "import { x } from '../operator/x.ts';", /cli must not import/],
    ['src/main.ts', "import { x } from './sim/x.ts';", /main must not import/],
    ['src/api/a.ts', "import { x } from '../../test/x.ts';", /api must not import/],
    ['src/utils/a.ts', '', /not in a known part of src/],
    ['src/rollout/a.ts', "import { readFileSync } from 'node:fs';", /rollout is pure and must not import node:fs/],
    ['src/istio/a.ts', "import { z } from 'zod';", /istio is pure and must not import zod/],
    ['src/api/a.ts', "import { createHash } from 'node:crypto';", /must not import node:crypto/],
    ['src/rollout/a.ts', 'const a = 1;\nconst t = Date.now();', /a\.ts:2: Date\.now: rollout is pure/],
    ['src/rollout/a.ts', 'const t = new Date();', /new Date\(\)/],
    ['src/rollout/a.ts', 'const t = new Date;', /new Date/],
    ['src/istio/a.ts', 'const t = Date();', /Date\(/],
    ['src/istio/a.ts', 'const t = Math.random();', /Math\.random/],
    ['src/istio/a.ts', 'const t = `a ${process.pid} b`;', /process\./],
    ['src/api/a.ts', 'const t = performance.now();', /performance\./],
    ['src/api/a.ts', 'setTimeout(() => {}, 1);', /setTimeout/],
    ['src/api/a.ts', "await fetch('http://x');", /fetch/],
    ['src/rollout/a.ts', 'const t = DateTime.now();', /DateTime\.now/],
    ['src/operator/a.ts', 'const home = process.env.HOME;', /process\.env: only process entries read the environment/],
    ['src/sim/a.ts', 'const { env } = process;', /only process entries/],
  ];
  for (const [file, source, problem] of wrong) {
    it(`finds ${JSON.stringify(source)} in ${file}`, () => assert.match(violations(file, source).join('\n'), problem));
  }

  const right: [file: string, source: string][] = [
    ['src/api/hash.ts', "import { createHash } from 'node:crypto';"],
    ['src/api/a.ts', "import { z } from 'zod';\nimport { b } from './b.ts';"],
    ['src/rollout/a.ts', "import { z } from '../api/z.ts';\nimport type { M } from '../istio/m.ts';"],
    ['src/rollout/a.ts', '/** Not Date.now() but process.env */ const d = new Date(now); // Math.random()'],
    ['src/istio/a.ts', "const text = 'Date.now() and `process.env`'; const r = /fetch('x')/;"],
    ['src/istio/a.ts', 'const text = `import x from "node:fs" ${1} Date.now()`;'],
    ['src/rollout/a.ts', 'world.process.id; retry.fetch(); const processing = { prefetch() {} };'],
    ['src/main.ts', "import { x } from './operator/x.ts';\nprocess.env.HOME;"],
    ['src/sim/demo/main.ts', "import { x } from '../../operator/x.ts';\nprocess.exitCode = 1;"],
  ];
  for (const [file, source] of right) {
    it(`accepts ${JSON.stringify(source)} in ${file}`, () => assert.deepEqual(violations(file, source), []));
  }

  it('is not led astray by quotes, slashes and templates', () => {
    const source = "const a = 1 / 2; const q = /['\"`]/; const t = `${`}${a}` + '}'}`; import b from './b.ts'; // '";
    assert.deepEqual(imports(source), ['./b.ts']);
    assert.ok(!blank("f(/[/]Date.now()/, 'Date.now()')", { strings: true }).includes('Date'));
    assert.ok(blank('a / b; Date.now(); c / d', { strings: true }).includes('Date.now'));
  });
});
