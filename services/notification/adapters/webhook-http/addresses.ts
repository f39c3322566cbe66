/** Which addresses the public internet is made of; everything else is refused, so that what nobody thought of is too. */
import { BlockList, isIP } from 'node:net';

/** IANA's special-purpose registry: nothing of it is a customer's public server. */
const specialIpv4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
];
/** Inside 2000::/3: protocols (Teredo among them), documentation, and 6to4, which carries an IPv4 address within. */
const specialIpv6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const listOf = (subnets: readonly string[], family: 'ipv4' | 'ipv6'): BlockList => {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits = ''] = subnet.split('/');
    list.addSubnet(network, Number(bits), family);
  }
  return list;
};
const blockedIpv4 = listOf(specialIpv4, 'ipv4');
const blockedIpv6 = listOf(specialIpv6, 'ipv6');
/** Leaves out mapped, translated (64:ff9b::/96), unique local, link-local, site-local, multicast, loopback. */
const globalIpv6 = listOf(['2000::/3'], 'ipv6');

/** @param address as resolved, or of a URL without its brackets */
export const isPublicAddress = (address: string): boolean => {
  const family = isIP(address);
  if (family === 4) return !blockedIpv4.check(address, 'ipv4');
  return family === 6 && globalIpv6.check(address, 'ipv6') && !blockedIpv6.check(address, 'ipv6');
};
