/** Whatever a probe says that is not three healthy looks in a row: no step advances on it, in any stage of any step. */
import assert from 'node:assert/strict';
import type { Verdict } from '../../src/api/status.ts';
import type { RoundKind } from '../../src/rollout/world.ts';
import type { TestMesh } from './mesh.ts';
import { SHOP, shopMesh } from './stages.ts';

const LETTERS: Record<string, Verdict> = { H: 'Healthy', U: 'Unhealthy', N: 'NoData', E: 'Error' };
/** One letter a look, over and over. */
const PATTERNS = ['U', 'N', 'E', 'NE', 'UN', 'EU', 'HU', 'HN', 'HE', 'HHU', 'HHN', 'HHE'];
const DEADLINE_MS = 300_000;
/** Unless a wave says otherwise. */
const SOAK_MS = 600_000;

/** The step about this scope is seen so in rounds of this kind; everything else is healthy. */
function troubled(scope: string, kind: RoundKind, pattern: string): TestMesh {
  const mesh = shopMesh({ analysis: { progressDeadline: '5m' } });
  let looks = 0;
  mesh.judge = (asked, scopes) =>
    asked === kind && scopes.some(each => each === scope) ? LETTERS[pattern[looks++ % pattern.length]!]! : 'Healthy';
  return mesh;
}

/** Namespaces that were STRICT at any time. */
function everStrict(mesh: TestMesh): Set<string> {
  const strict = mesh.history.flatMap(all => all.filter(({ spec }) => spec.mtls?.mode === 'STRICT'));
  return new Set(strict.map(({ metadata }) => metadata.namespace));
}

describe('what is not well', () => {
  for (const pattern of PATTERNS) {
    it(`holds the step before STRICT, and says so after the deadline: ${pattern}`, () => {
      for (const [index, scope] of SHOP.entries()) {
        const mesh = troubled(scope, 'Entry', pattern);
        mesh.until(({ step }) => step?.stage === 'Observing' && step.scopes.includes(scope));
        const since = mesh.now;
        mesh.until(() => mesh.now > since + 4 * DEADLINE_MS);
        assert.deepEqual([...everStrict(mesh)].sort(), SHOP.slice(0, index), scope);
        assert.equal(mesh.condition('Stalled')?.reason, 'ProgressDeadlineExceeded');
      }
    });

    it(`rolls the step back after STRICT, at the deadline at the latest: ${pattern}`, () => {
      for (const [index, scope] of SHOP.entries()) {
        const mesh = troubled(scope, 'Soak', pattern);
        mesh.until(({ step }) => step?.stage === 'Soaking' && step.scopes.includes(scope));
        const since = mesh.now;
        mesh.untilPhase('RolledBack');
        const failed = pattern.includes('U') ? 90_000 : SOAK_MS + DEADLINE_MS;
        assert.ok(mesh.now - since <= failed + 60_000, `${scope}: ${mesh.now - since} ms`);
        assert.notEqual(mesh.mode(scope), 'STRICT');
        assert.deepEqual([...everStrict(mesh)].sort(), SHOP.slice(0, index + 1), 'the next step never began');
      }
    });
  }

  // one look that sees STRICT in force is enough to begin the soak
  for (const pattern of PATTERNS.filter(letters => !letters.includes('H'))) {
    it(`rolls the step back at the deadline where STRICT is not seen in force: ${pattern}`, () => {
      for (const [index, scope] of SHOP.entries()) {
        const mesh = troubled(scope, 'Enforcement', pattern);
        mesh.untilPhase('RolledBack');
        assert.notEqual(mesh.mode(scope), 'STRICT');
        assert.deepEqual([...everStrict(mesh)].sort(), SHOP.slice(0, index + 1), 'the next step never began');
      }
    });
  }
});
