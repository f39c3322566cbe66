/** Names of the service codes the market uses most; any other code of the right form is served under its own name. */
export const knownServices: ReadonlyMap<string, string> = new Map([
  ['tg', 'Telegram'],
  ['wa', 'WhatsApp'],
  ['go', 'Google'],
  ['fb', 'Facebook'],
  ['ig', 'Instagram'],
  ['tw', 'Twitter'],
  ['vi', 'Viber'],
  ['wb', 'WeChat'],
  ['lf', 'TikTok'],
  ['ds', 'Discord'],
  ['dr', 'OpenAI'],
  ['wx', 'Apple'],
  ['mm', 'Microsoft'],
  ['am', 'Amazon'],
  ['ub', 'Uber'],
  ['nf', 'Netflix'],
  ['mt', 'Steam'],
  ['tn', 'LinkedIn'],
  ['sn', 'OLX'],
  ['vk', 'VK'],
  ['ok', 'Odnoklassniki'],
  ['me', 'Line'],
  ['kt', 'KakaoTalk'],
  ['oi', 'Tinder'],
  ['mb', 'Yahoo'],
  ['fu', 'Snapchat'],
  ['bw', 'Signal'],
  ['uk', 'Airbnb'],
  ['dh', 'eBay'],
  ['hb', 'Twitch'],
  ['ya', 'Yandex'],
  ['ma', 'Mail.ru'],
  ['qq', 'Tencent QQ'],
  ['im', 'Imo'],
  ['jg', 'Grab'],
  ['ni', 'Gojek'],
  ['ka', 'Shopee'],
  ['dl', 'Lazada'],
  ['xk', 'DiDi'],
  ['ot', 'Any other'],
]);

const servicePattern = /^[a-z0-9_]{2,40}$/;

export const isServiceCode = (code: string): boolean => servicePattern.test(code);

export const serviceName = (code: string): string => knownServices.get(code) ?? code;
