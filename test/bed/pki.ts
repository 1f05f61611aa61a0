/** Keys and certificates of one control plane: a CA, the API server's certificate, an administrator's, a token key. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MissingTool } from './build.ts';

export interface Pki {
  folder: string;
  ca: string;
  admin: { cert: string; key: string };
}

const SERVER_NAMES = [
  'DNS:kubernetes',
  'DNS:kubernetes.default',
  'DNS:kubernetes.default.svc',
  'DNS:localhost',
  'IP:127.0.0.1',
];

/** Writes `ca`, `apiserver`, `admin` (.crt and .key) and `sa` (.key and .pub) into the folder. */
export function createPki(folder: string): Pki {
  mkdirSync(folder, { mode: 0o700 });
  const token = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(folder, 'sa.key'), token.privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  writeFileSync(join(folder, 'sa.pub'), token.publicKey.export({ type: 'spki', format: 'pem' }));
  certificate(folder, 'ca', '/CN=bed-ca', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']);
  certificate(folder, 'apiserver', '/CN=kube-apiserver', [`subjectAltName=${SERVER_NAMES.join(',')}`]);
  certificate(folder, 'admin', '/O=system:masters/CN=admin', ['extendedKeyUsage=clientAuth']);
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { folder, ca: read('ca.crt'), admin: { cert: read('admin.crt'), key: read('admin.key') } };
}

/** A certificate signed by the CA of the folder; the CA itself is made by the name `ca`. */
export function certificate(folder: string, name: string, subject: string, extensions: string[]): void {
  const issuer = name === 'ca' ? [] : ['-CA', 'ca.crt', '-CAkey', 'ca.key'];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  args.push('-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', subject, ...issuer);
  // an own, empty configuration: the system's adds extensions of its own
  args.push('-config', '/dev/null', ...extensions.flatMap(extension => ['-addext', extension]));
  openssl(folder, args);
}

/** A client's certificate that ran out a day ago. */
export function expiredCertificate(folder: string, name: string, subject: string): { cert: string; key: string } {
  const [key, request, cert] = [`${name}.key`, `${name}.csr`, `${name}.crt`];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(folder, ['req', ...curve, '-keyout', key, '-out', request, '-subj', subject, '-config', '/dev/null']);
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
  openssl(folder, ['x509', '-req', '-in', request, ...authority, '-days', '-1', '-out', cert]);
  return { cert: readFileSync(join(folder, cert), 'utf8'), key: readFileSync(join(folder, key), 'utf8') };
}

function openssl(folder: string, args: string[]): void {
  try {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MissingTool('the bed needs openssl (3.0 or newer) to make certificates, and there is none in PATH');
  }
}
