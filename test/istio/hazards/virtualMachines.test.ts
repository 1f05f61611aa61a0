import { virtualMachines } from '../../../src/istio/hazards/virtualMachines.ts';
import { object } from './manifests.ts';
import { type Row, tellsApart } from './scene.ts';

const workloadEntry = (spec: string, path = 'shop/vm') => object('networking.istio.io/v1', 'WorkloadEntry', path, spec);
const serviceEntry = (endpoint: string, location = 'MESH_INTERNAL') =>
  object(
    'networking.istio.io/v1',
    'ServiceEntry',
    'shop/vm',
    `{hosts: [vm.example.com], location: ${location}, resolution: STATIC, endpoints: [${endpoint}]}`,
  );
const PLAIN = '{address: 10.0.0.7}';

const ROWS: readonly Row[] = [
  {
    code: 'PlainWorkloadEntry',
    what: 'one without serviceAccount and label; not one with serviceAccount',
    yes: workloadEntry(PLAIN),
    no: workloadEntry('{address: 10.0.0.7, serviceAccount: vm}'),
    object: 'WorkloadEntry shop/vm',
    says: /plaintext to 10\.0\.0\.7/,
  },
  {
    code: 'PlainWorkloadEntry',
    what: 'a label that says so, whatever the serviceAccount; not the label of the mesh',
    yes: workloadEntry('{address: 10.0.0.7, serviceAccount: vm, labels: {security.istio.io/tlsMode: disabled}}'),
    no: workloadEntry('{address: 10.0.0.7, labels: {security.istio.io/tlsMode: istio}}'),
    object: 'WorkloadEntry shop/vm',
    says: /plaintext/,
  },
  {
    code: 'PlainWorkloadEntry',
    what: 'one of the scope; not of another namespace',
    yes: workloadEntry(PLAIN),
    no: workloadEntry(PLAIN, 'other/vm'),
    object: 'WorkloadEntry shop/vm',
    says: /STRICT/,
  },
  {
    code: 'StaticServiceEntry',
    what: 'a plain endpoint of the mesh; not one outside',
    yes: serviceEntry(PLAIN),
    no: serviceEntry(PLAIN, 'MESH_EXTERNAL'),
    object: 'ServiceEntry shop/vm',
    says: /plaintext to 10\.0\.0\.7/,
  },
  {
    code: 'StaticServiceEntry',
    what: 'an endpoint without serviceAccount; not one with',
    yes: serviceEntry(PLAIN),
    no: serviceEntry('{address: 10.0.0.7, serviceAccount: vm}'),
    object: 'ServiceEntry shop/vm',
    says: /neither serviceAccount/,
  },
];

describe('hazards: endpoints outside the cluster', () => {
  tellsApart(virtualMachines, ROWS);
});
