/** The built operator as a process on a real API server, under the rights of its deployment, with Istio's own CRDs. */
import assert from 'node:assert/strict';
import { type Boutique, installBoutique } from './boutique.ts';
import type { ControlPlane } from './controlPlane.ts';
import { buildOperator, installOperator, type OperatorProcess, startOperator } from './operatorProcess.ts';
import { PrometheusStub } from './prometheusStub.ts';
import { type Sidecars, startSidecars } from './sidecars.ts';
import { controlPlaneFor } from './suite.ts';

describe('the operator on a real API server', () => {
  let plane: ControlPlane | undefined;
  let shop: Boutique;
  let sidecars: Sidecars | undefined;
  let prometheus: PrometheusStub | undefined;
  let operator: OperatorProcess | undefined;

  before(async function () {
    plane = await controlPlaneFor(this);
    await Promise.all([buildOperator(), plane.applyIstioCrds()]);
    shop = await installBoutique(plane.admin);
    sidecars = await startSidecars(plane.admin, plane.folder, shop.pods);
    prometheus = await PrometheusStub.start();
    for (const { namespace, name, calls } of shop.workloads) {
      for (const callee of calls) {
        const to = shop.workloads.find(each => each.name === callee)!;
        const path = { from: `${namespace}/${name}`, to: `${to.namespace}/${callee}` };
        prometheus.traffic({ ...path, secured: true, perSecond: 5, kind: to.protocol === 'tcp' ? 'tcp' : 'http' });
      }
    }
    const kubeconfig = await installOperator(plane);
    operator = await startOperator({
      controlPlane: plane,
      kubeconfig,
      settings: { prometheus: { url: prometheus.url } },
    });
  });

  after(async () => {
    await operator?.stop();
    await prometheus?.stop();
    await sidecars?.stop();
    await plane?.stop();
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
