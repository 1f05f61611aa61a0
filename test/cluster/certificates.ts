/** X.509 certificates for tests, made on the spot (P-256, ECDSA with SHA-256), with any validity. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface Certificate {
  cert: string;
  key: string;
}

export interface Wanted {
  name: string;
  /** Self-signed unless given. */
  issuer?: Certificate & { name: string };
  notBefore?: Date;
  notAfter?: Date;
}

let serial = 1;

/** A certificate for 127.0.0.1 and localhost; without an issuer a CA. */
export function certificate({ name, issuer, notBefore, notAfter }: Wanted): Certificate & { name: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const from = notBefore ?? new Date(Date.now() - 86_400_000);
  const to = notAfter ?? new Date(Date.now() + 86_400_000);
  const body = sequence(
    context(0, integer(2)),
    integer(serial++),
    ECDSA_SHA256,
    commonName(issuer?.name ?? name),
    sequence(time(from), time(to)),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(issuer === undefined ? CA : NAMES)),
  );
  const der = sequence(body, ECDSA_SHA256, tlv(0x03, Buffer.concat([Buffer.of(0), signature(body, signer)])));
  return { name, cert: pem(der), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function signature(body: Buffer, key: KeyObject): Buffer {
  return sign('sha256', body, key);
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function context(tag: number, content: Buffer): Buffer {
  return tlv(0xa0 | tag, content);
}

function integer(value: number): Buffer {
  return tlv(0x02, Buffer.of(value));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

function time(date: Date): Buffer {
  return tlv(0x18, Buffer.from(`${date.toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`));
}

function commonName(name: string): Buffer {
  return sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(name)))));
}

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const CA = sequence(oid('551d13'), tlv(0x01, Buffer.of(0xff)), tlv(0x04, sequence(tlv(0x01, Buffer.of(0xff)))));
const NAMES = sequence(
  oid('551d11'),
  tlv(0x04, sequence(tlv(0x82, Buffer.from('localhost')), tlv(0x87, Buffer.of(127, 0, 0, 1)))),
);
