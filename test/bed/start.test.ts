/** What the operator says, and how it ends or waits, when it is started with something wrong. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { ControlPlane } from './controlPlane.ts';
import { namespaceObject, ROOT_NAMESPACE } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { buildOperator, installOperator, OperatorProcess, startOperator } from './operatorProcess.ts';
import { expiredCertificate } from './pki.ts';
import { freePorts } from './ports.ts';
import { controlPlaneFor } from './suite.ts';

const SOON_MS = 20_000;

describe('the start of the operator', () => {
  let plane: ControlPlane | undefined;
  let kubeconfig: string;
  let count = 0;
  const started: OperatorProcess[] = [];

  before(async function () {
    plane = await controlPlaneFor(this);
    await Promise.all([buildOperator(), plane.applyIstioCrds()]);
    await apply(plane.admin, namespaceObject(ROOT_NAMESPACE, {}));
    kubeconfig = await installOperator(plane);
  });
  afterEach(async () => {
    for (const operator of started.splice(0)) await operator.kill();
  });
  after(() => plane?.stop());

  it('leads to an operator that is ready soon', async () => {
    const began = Date.now();
    const operator = await startOperator({ controlPlane: plane!, kubeconfig });
    started.push(operator);
    const took = Date.now() - began;
    console.log(`      ready after ${took} ms`);
    assert.ok(took < 10_000, `${took} ms`);
  });

  describe('with a configuration that is wrong ends with code 2 and names the key', () => {
    const wrong: [string, Record<string, unknown>, RegExp][] = [
      ['an unknown key', { promtheus: {} }, /^mtls-rollout: promtheus: unknown key; allowed here: prometheus, /],
      [
        'a wrong address',
        { prometheus: { url: 'prometheus:9090' } },
        /^mtls-rollout: prometheus\.url: must be an http or https address/,
      ],
      ['a word for a number', { apiRate: 'fast' }, /^mtls-rollout: apiRate: must be a whole number from 1 to 1000$/],
      [
        'times in the wrong order',
        { leaderElection: { renewDeadline: '20s' } },
        /^mtls-rollout: leaderElection: leaseDuration must be longer than renewDeadline/,
      ],
    ];
    for (const [what, settings, line] of wrong)
      it(what, async () => {
        const operator = await launch({ settings });
        assert.equal(await operator.exited(SOON_MS), 2);
        assert.equal(operator.log.length, 1);
        assert.match(operator.log[0]!.message, line);
      });
  });

  describe('with a kubeconfig that is none ends with code 1 and one line', () => {
    const wrong: [string, string | undefined, RegExp][] = [
      ['a file that is not there', undefined, /^mtls-rollout: cannot read the kubeconfig \S+no-such-file: ENOENT$/],
      [
        'not YAML',
        'users: [{token: secret}\nclusters: [',
        /^mtls-rollout: cannot read the kubeconfig \S+: line \d is not valid YAML$/,
      ],
      ['no cluster', '{}', /^mtls-rollout: the kubeconfig's current context names no cluster with an address$/],
    ];
    for (const [what, text, line] of wrong)
      it(what, async () => {
        const file = plane!.folder.file(text === undefined ? 'no-such-file' : `broken-${count}.kubeconfig`);
        if (text !== undefined) writeFileSync(file, text);
        const operator = await launch({ kubeconfig: file });
        assert.equal(await operator.exited(SOON_MS), 1);
        assert.deepEqual(
          operator.log.map(({ level }) => level),
          ['raw'],
        );
        assert.match(operator.log[0]!.message, line);
      });
  });

  it('with an expired client certificate says so, is not ready, and ends when it is told to', async () => {
    const { cert, key } = expiredCertificate(plane!.folder.file('pki'), 'expired', '/O=system:masters/CN=late');
    const access = { server: plane!.server, ca: plane!.ca, cert, key };
    const operator = await launch({ kubeconfig: writeKubeconfig(plane!.folder.file('expired.kubeconfig'), access) });
    await waitsAndSays(operator, /credentials are not accepted/);
  });

  it('with an API server that is not there says so, is not ready, and ends when it is told to', async () => {
    const [port] = await freePorts(1);
    const access = { server: `https://127.0.0.1:${port}`, ca: plane!.ca, token: 'none' };
    const operator = await launch({ kubeconfig: writeKubeconfig(plane!.folder.file('nobody.kubeconfig'), access) });
    await waitsAndSays(operator, /connection refused: nothing listens at this address/);
  });

  async function waitsAndSays(operator: OperatorProcess, text: RegExp): Promise<void> {
    const isSaid = (line: object) => text.test(JSON.stringify(line));
    await operator.logged(line => line.level === 'warn' && isSaid(line), 'what is wrong', SOON_MS);
    const answer = await fetch(`${operator.healthUrl}/readyz`);
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /^waiting for: mtlsrollouts, namespaces, /);
    assert.equal((await fetch(`${operator.healthUrl}/healthz`)).status, 200);
    assert.deepEqual(
      operator.log.filter(({ level }) => level === 'error' || level === 'raw'),
      [],
    );
    const began = Date.now();
    assert.equal(await operator.stop(), 0);
    assert.ok(Date.now() - began < 5_000, 'it ends at once');
  }

  async function launch(options: {
    settings?: Record<string, unknown>;
    kubeconfig?: string;
  }): Promise<OperatorProcess> {
    const [healthPort] = await freePorts(1);
    const operator = new OperatorProcess(
      { controlPlane: plane!, kubeconfig, name: `trial-${count++}`, ...options },
      healthPort!,
    );
    started.push(operator);
    operator.launch();
    return operator;
  }
});
