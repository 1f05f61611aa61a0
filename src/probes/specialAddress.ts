/** Addresses that belong to no pod and no Service: what answers there is the operator's own machine, or its cloud. */
import { BlockList, isIP } from 'node:net';

const SPECIAL = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  // link-local, with the metadata service of most clouds
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  SPECIAL.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
  // metadata service of AWS
  ['fd00:ec2::254', 128],
] as const)
  SPECIAL.addSubnet(net, bits, 'ipv6');

/** True also for what is no address. An IPv4 address in the clothes of IPv6 is what it is inside. */
export function isSpecialAddress(address: string): boolean {
  const family = isIP(address);
  return family === 0 || SPECIAL.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
