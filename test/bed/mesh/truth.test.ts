/**
 * What the enforcement probe says of a port against what clients really get there: every kind of port in every mode,
 * also where ports of one pod differ, and without a sidecar.
 */
import assert from 'node:assert/strict';
import type { Pod } from '../../../src/istio/objects.ts';
import { eachOf } from '../../../src/probes/eachOf.ts';
import { enforcement } from '../../../src/probes/enforcement.ts';
import type { Probe } from '../../../src/probes/probe.ts';
import { apply } from '../boutiqueObjects.ts';
import { userPolicy } from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { observe, podsIn, sightOf } from './looks.ts';
import type { Mesh } from './mesh.ts';
import type { MeshPod } from './pods.ts';
import { allKinds, call, type PortKind, wait } from './portKinds.ts';
import { figure, meshFor } from './suite.ts';
import {
  type Cell,
  cellsOf,
  count,
  exceptions,
  falseAnswers,
  noData,
  printTable,
  type Row,
  ROWS,
} from './truthTable.ts';

/** Looks, and calls of each client, in every cell. */
const TIMES = 100;
const AT_ONCE = 16;
/** Time of the switch, for a look: long ago. */
const CHANGED = { changedAt: 1, inForceAt: 1 };

describe('what the enforcement probe says on a real mesh', () => {
  let mesh: Mesh;
  let sight: ReturnType<typeof sightOf>;
  let probe: Probe;
  let stranger: MeshPod;
  let member: MeshPod;
  const pods = new Map<Row, Pod[]>();
  const cells = ROWS.flatMap(cellsOf);

  before(async function () {
    mesh = await meshFor(this);
    sight = sightOf(mesh);
    probe = enforcement('enforced', { samples: 20 }, sight);
    for (const row of ROWS) await setModes(row);
    await mesh.add(
      ...ROWS.map(({ namespace, meshed }) => allKinds({ namespace, name: 'server', meshed })),
      { namespace: 'front', name: 'client', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    for (const row of ROWS) pods.set(row, await podsIn(mesh, row.namespace));
    stranger = mesh.pod('legacy/stranger');
    member = mesh.pod('front/client');
  });
  after(async () => {
    await sight?.close();
    await mesh?.stop();
  });

  it('brings no byte to an application under STRICT', async function () {
    this.timeout(120_000);
    await often(async (cell, turn) => {
      const round = turn % 2 === 0 ? ('Enforcement' as const) : ('Soak' as const);
      const [pod] = pods.get(cell.row)!;
      // without sidecar it is asked as if it had one: the label is there, the interception is not
      const asked = { ...pod!, mesh: 'Sidecar' as const, ports: [cell.kind.port] };
      const { verdict } = await observe(probe, cell.row.namespace, [asked], { ...CHANGED, round });
      count(cell.says, `${verdict} ${round}`);
    });
    let empty = 0;
    for (const { row, kind, mode } of cells) {
      if (kind.serves === undefined || mode !== 'STRICT') continue;
      const seen = (await mesh.programs.seen(server(row).netns))[kind.port]!;
      const { connections, empty: withoutByte, ...rest } = seen;
      assert.deepEqual(rest, { clientHellos: 0, requests: 0, bytes: 0 }, `${row.title}, ${kind.name}`);
      assert.equal(connections, withoutByte);
      if (kind.name === 'http-web') assert.equal(connections, 0, 'HTTP is told of nothing before the handshake');
      empty += connections;
    }
    figure('connections without a byte that hellos brought to applications under STRICT', empty);
  });

  it('is what clients get, in every cell', async function () {
    this.timeout(180_000);
    const addresses = new Map<Cell, string>();
    for (const cell of cells) addresses.set(cell, await addressFor(member, cell));
    await often(async cell => count(cell.stranger, await call(stranger, directly(cell), cell.kind)));
    await often(async cell => count(cell.member, await call(member, addresses.get(cell)!, cell.kind)));
    printTable(cells);
    const wrong = cells.flatMap(falseAnswers);
    const each = `${TIMES} looks and ${2 * TIMES} calls in each`;
    figure('false answers', `${wrong.length} in ${cells.length} cells, ${each}; ${noData(cells)} times NoData`);
    assert.deepEqual(wrong, []);
  });

  it('of a whole pod is what its weakest port gives', async () => {
    for (const row of ROWS.filter(({ meshed }) => meshed)) {
      const looks = Array.from({ length: 10 }, () => observe(probe, row.namespace, pods.get(row)!, CHANGED));
      const verdicts = new Set((await Promise.all(looks)).map(({ verdict }) => verdict));
      const strict = row.mode === 'STRICT' && row.other === undefined;
      // of ports where nobody listens only resets may come
      const possible = strict ? ['Healthy', 'NoData'] : ['Unhealthy'];
      assert.ok(
        [...verdicts].every(verdict => possible.includes(verdict)),
        `${row.title}: ${[...verdicts].join()}`,
      );
    }
  });

  it('of a pod without sidecar is that there is nothing to ask', async () => {
    const bare = ROWS.find(({ meshed }) => !meshed)!;
    const { verdict, samples, message } = await observe(probe, bare.namespace, pods.get(bare)!, CHANGED);
    assert.deepEqual([verdict, samples], ['Healthy', 0]);
    assert.match(message, /no pods in the mesh/);
  });

  it('does not cover who waits for the server to speak first: that needs DISABLE, or mutual TLS', async () => {
    const banners = cells.filter(({ kind }) => kind.serves === 'banner');
    const got = await Promise.all(
      banners.map(async cell => [
        cell.mode,
        await wait(stranger, directly(cell)),
        await wait(member, await addressFor(member, cell)),
      ]),
    );
    for (const [mode, byStranger, byMember] of got) {
      assert.deepEqual([byStranger, byMember], [mode === 'DISABLE' ? 'served' : 'silence', 'served'], mode);
    }
  });

  it('does not cover a member that is held at plaintext and waits for the server to speak first', async () => {
    const cell = cells.find(({ row, kind }) => row.title === 'PERMISSIVE' && kind.serves === 'banner')!;
    const { namespace } = cell.row;
    await apply(mesh.api, {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { namespace, name: 'pin' },
      spec: { host: `server.${namespace}.svc.cluster.local`, trafficPolicy: { tls: { mode: 'DISABLE' } } },
    });
    const address = await addressFor(member, cell);
    await waitFor(async () => (await wait(member, address)) === 'silence', 'the rule to be in force', 20_000);
    assert.equal(await call(member, address, cell.kind), 'served', 'unless it speaks itself');
  });

  async function setModes(row: Row): Promise<void> {
    await mesh.addNamespace(row.namespace);
    if (row.title === 'no policy' || !row.meshed) return;
    const portLevelMtls = exceptions(row);
    const single = portLevelMtls && { selector: { matchLabels: { app: 'server' } }, portLevelMtls };
    await userPolicy(mesh.api, row.namespace, 'default', { mtls: { mode: row.mode }, ...single });
  }

  /** Every cell by turns, several at a time. */
  async function often(work: (cell: Cell, turn: number) => Promise<void>): Promise<void> {
    const jobs = Array.from({ length: TIMES }, (_, turn) => cells.map(cell => ({ cell, turn })));
    await eachOf(jobs.flat(), AT_ONCE, ({ cell, turn }) => work(cell, turn));
  }

  function server(row: Row): MeshPod {
    return mesh.pod(`${row.namespace}/server`);
  }

  function directly({ row, kind }: Cell): string {
    return `${server(row).ip}:${kind.port}`;
  }

  function addressFor(client: MeshPod, cell: Cell): Promise<string> {
    const { row, kind } = cell;
    return isInService(kind) ? client.addressOf(`${row.namespace}/server`, kind.port) : Promise.resolve(directly(cell));
  }
});

const isInService = ({ declared }: PortKind) => declared === undefined;
