/**
 * All that a suite of the operator stands on: control plane, Istio's CRDs, the shop with its sidecars and its traffic,
 * and the operator installed with the rights of its deployment.
 */
import type { Transport } from '../../src/cluster/transport.ts';
import { type Boutique, installBoutique, type ShopWorkload } from './boutique.ts';
import type { ControlPlane } from './controlPlane.ts';
import { buildOperator, installOperator, type OperatorProcess, startOperator } from './operatorProcess.ts';
import { PrometheusStub, type Traffic } from './prometheusStub.ts';
import { type Sidecars, startSidecars } from './sidecars.ts';
import { controlPlaneFor } from './suite.ts';

/** A second of traffic on one path of the shop: enough that its absence is no chance. */
const PER_SECOND = 20;
/** A crashed leader is replaced soon; a healthy one still has time for its renewals on a busy machine. */
const ELECTION = { leaseDuration: '4s', renewDeadline: '3s', retryPeriod: '300ms' };

export class Bed {
  readonly plane: ControlPlane;
  readonly shop: Boutique;
  readonly sidecars: Sidecars;
  readonly prometheus: PrometheusStub;
  /** Of the operator's ServiceAccount. */
  readonly kubeconfig: string;
  readonly #paths: ReadonlyMap<string, Traffic>;

  constructor(plane: ControlPlane, kubeconfig: string, shop: Boutique, sidecars: Sidecars, prometheus: PrometheusStub) {
    this.plane = plane;
    this.kubeconfig = kubeconfig;
    this.shop = shop;
    this.sidecars = sidecars;
    this.prometheus = prometheus;
    this.#paths = new Map(shop.workloads.flatMap(caller => callsOf(caller, shop, prometheus)));
  }

  get api(): Transport {
    return this.plane.admin;
  }

  /** The operator, started and ready. */
  startOperator(settings: Record<string, unknown> = {}, name = 'operator'): Promise<OperatorProcess> {
    const all = { prometheus: { url: this.prometheus.url }, leaderElection: ELECTION, ...settings };
    return startOperator({ controlPlane: this.plane, kubeconfig: this.kubeconfig, settings: all, name });
  }

  /** Traffic from one workload of the shop to another, as `frontend` to `cartservice`. */
  path(from: string, to: string): Traffic {
    const path = this.#paths.get(`${from} ${to}`);
    if (path === undefined) throw new RangeError(`${from} does not call ${to}`);
    return path;
  }

  /** From now on the workload calls as often as it always did. */
  resume(from: string, to: string): void {
    this.path(from, to).setRate(PER_SECOND);
  }

  async stop(): Promise<void> {
    await this.prometheus.stop();
    await this.sidecars.stop();
    await this.plane.stop();
  }
}

/** For a `before` hook: skips the suite where this machine cannot give a control plane. Without `istio` its CRDs are not there. */
export async function bedFor(context: Mocha.Context, { istio = true } = {}): Promise<Bed> {
  const plane = await controlPlaneFor(context);
  try {
    await Promise.all([buildOperator(), ...(istio ? [plane.applyIstioCrds()] : [])]);
    const shop = await installBoutique(plane.admin);
    const kubeconfig = await installOperator(plane);
    const sidecars = await startSidecars(plane.admin, plane.folder, shop.pods);
    return new Bed(plane, kubeconfig, shop, sidecars, await PrometheusStub.start());
  } catch (error) {
    // half a bed is nobody's to stop later
    await plane.stop();
    throw error;
  }
}

/** What a suite of the operator runs on. */
interface Running {
  bed: Bed;
  operator: OperatorProcess;
}

/** A bed and an operator on it for the suite that is being described: there for its hooks and tests, and gone after them. */
export function bedWithOperator(options: Parameters<typeof bedFor>[1] = {}): Running {
  const running: Partial<Running> = {};
  before(async function () {
    running.bed = await bedFor(this, options);
    running.operator = await running.bed.startOperator();
  });
  after(async () => {
    await running.operator?.stop();
    await running.bed?.stop();
  });
  return running as Running;
}

function callsOf({ namespace, name, calls }: ShopWorkload, shop: Boutique, prometheus: PrometheusStub) {
  return calls.map((callee): [string, Traffic] => {
    const to = shop.workloads.find(each => each.name === callee)!;
    const path = { from: `${namespace}/${name}`, to: `${to.namespace}/${callee}`, secured: true };
    const kind = to.protocol === 'tcp' ? 'tcp' : 'http';
    return [`${name} ${callee}`, prometheus.traffic({ ...path, perSecond: PER_SECOND, kind })];
  });
}
