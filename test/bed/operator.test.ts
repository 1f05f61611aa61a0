/** The built operator as a process on a real API server: it gets ready, ends in order, and comes back after a crash. */
import assert from 'node:assert/strict';
import { type Bed, bedFor } from './bed.ts';
import type { OperatorProcess } from './operatorProcess.ts';

describe('the operator on a real API server', () => {
  let bed: Bed | undefined;
  let operator: OperatorProcess | undefined;

  before(async function () {
    bed = await bedFor(this);
    // the lease as it is in production: a crashed leader keeps it for longer than this suite lasts
    operator = await bed.startOperator({ leaderElection: {} });
  });
  after(async () => {
    await operator?.stop();
    await bed?.stop();
  });

  it('gets ready under the rights of its ServiceAccount', async () => {
    assert.equal((await fetch(`${operator!.healthUrl}/healthz`)).status, 200);
    const refused = operator!.log.filter(line => JSON.stringify(line).includes('forbidden'));
    assert.deepEqual(refused, []);
  });

  it('ends in order when it is told to', async () => {
    await operator!.logged(({ message }) => message === 'leading', 'that it leads', 30_000);
    await stopsCleanly(operator!);
  });

  it('comes back after a crash', async () => {
    await operator!.start();
    await operator!.kill();
    await operator!.start();
    assert.equal((await fetch(`${operator!.healthUrl}/readyz`)).status, 200);
  });

  it('ends in order while the lease is still that of the crashed one', async () => {
    await stopsCleanly(operator!);
  });
});

async function stopsCleanly(operator: OperatorProcess): Promise<void> {
  const code = await operator.stop();
  assert.equal(code, 0, `the last it logged: ${JSON.stringify(operator.log.slice(-5), undefined, 1)}`);
}
