import type { Stream } from './random.ts';

type Language = 'en' | 'ru' | 'es' | 'pt' | 'fr' | 'de' | 'it' | 'id' | 'tr' | 'zh' | 'ar' | 'hi' | 'vi' | 'th' | 'pl' | 'uk' | 'nl';
type Template = (service: string, code: string) => string;
type Templates = readonly [Template, ...Template[]];

const templates: Readonly<Record<Language, Templates>> = {
  en: [
    (service, code) => `Your ${service} code is ${code}`,
    (service, code) => `${code} is your ${service} verification code. Don't share it with anyone.`,
    (service, code) => `[${service}] Verification code: ${code}. Valid for 10 minutes.`,
    (service, code) => `Use ${code} to verify your ${service} account.`,
  ],
  ru: [
    (service, code) => `Ваш код ${service}: ${code}`,
    (service, code) => `${code} — код подтверждения ${service}. Никому его не сообщайте.`,
  ],
  es: [
    (service, code) => `Tu código de ${service} es ${code}`,
    (service, code) => `${code} es tu código de verificación de ${service}. No lo compartas.`,
  ],
  pt: [(service, code) => `Seu código do ${service} é ${code}`, (service, code) => `${service}: ${code} é o seu código de confirmação.`],
  fr: [(service, code) => `Votre code ${service} est ${code}`, (service, code) => `${code} est votre code de vérification ${service}.`],
  de: [(service, code) => `Dein ${service}-Code lautet ${code}`, (service, code) => `${code} ist dein Bestätigungscode für ${service}.`],
  it: [(service, code) => `Il tuo codice ${service} è ${code}. Non condividerlo.`],
  id: [(service, code) => `Kode ${service} Anda: ${code}`, (service, code) => `Jangan beri tahu siapa pun kode ${service} Anda: ${code}`],
  tr: [(service, code) => `${service} kodunuz: ${code}. Kimseyle paylaşmayın.`],
  zh: [(service, code) => `【${service}】您的验证码是${code}，10分钟内有效。`],
  ar: [(service, code) => `رمز ${service} الخاص بك هو ${code}`],
  hi: [(service, code) => `आपका ${service} कोड ${code} है`],
  vi: [(service, code) => `Mã ${service} của bạn là ${code}`],
  th: [(service, code) => `รหัส ${service} ของคุณคือ ${code}`],
  pl: [(service, code) => `Twój kod ${service}: ${code}`],
  uk: [(service, code) => `Ваш код ${service}: ${code}`],
  nl: [(service, code) => `Je ${service}-code is ${code}`],
};

const languageOfCountry: Readonly<Record<string, Language>> = {
  RU: 'ru',
  BY: 'ru',
  KZ: 'ru',
  KG: 'ru',
  UA: 'uk',
  ES: 'es',
  MX: 'es',
  AR: 'es',
  CO: 'es',
  CL: 'es',
  PE: 'es',
  VE: 'es',
  EC: 'es',
  BR: 'pt',
  PT: 'pt',
  AO: 'pt',
  MZ: 'pt',
  FR: 'fr',
  BE: 'fr',
  SN: 'fr',
  CI: 'fr',
  MA: 'ar',
  DE: 'de',
  AT: 'de',
  CH: 'de',
  IT: 'it',
  ID: 'id',
  TR: 'tr',
  CN: 'zh',
  HK: 'zh',
  TW: 'zh',
  MO: 'zh',
  SA: 'ar',
  EG: 'ar',
  AE: 'ar',
  IQ: 'ar',
  DZ: 'ar',
  TN: 'ar',
  IN: 'hi',
  VN: 'vi',
  TH: 'th',
  PL: 'pl',
  NL: 'nl',
};

/** What these services really send, whatever the country. */
const ownTexts: Readonly<Record<string, Templates>> = {
  tg: [(_, code) => `Telegram code: ${code}\n\nYou can also tap on this link to log in:\nhttps://t.me/login/${code}`],
  wa: [
    (_, code) => `Your WhatsApp code: ${code.slice(0, 3)}-${code.slice(3)}\nDon't share this code with others`,
    (_, code) => `Código de WhatsApp ${code.slice(0, 3)}-${code.slice(3)}\nNo lo compartas`,
    (_, code) => `Код WhatsApp: ${code.slice(0, 3)}-${code.slice(3)}\nНе сообщайте его никому`,
  ],
  go: [(_, code) => `G-${code} is your Google verification code.`, (_, code) => `G-${code} es tu código de verificación de Google.`],
  fb: [(_, code) => `${code} is your Facebook confirmation code`],
  ig: [(_, code) => `${code.slice(0, 3)} ${code.slice(3)} is your Instagram code. Don't share it.`],
};

const lengths: Readonly<Record<string, number>> = { tg: 5, fb: 5, lf: 4, ub: 4, vi: 6, mt: 5 };

export interface CodeMessage {
  readonly code: string;
  readonly text: string;
}

/** @param hyphenated the provider reports the code as `123-456` */
export const composeCode = (
  stream: Stream,
  service: { code: string; name: string },
  countryIso: string,
  hyphenated: boolean,
): CodeMessage => {
  const length = lengths[service.code] ?? 6;
  // Never a leading zero: some carriers of old drop it, and readers of numbers do too.
  const code = String(stream.between(10 ** (length - 1), 10 ** length - 1));
  const local = templates[languageOfCountry[countryIso] ?? 'en'];
  const template = stream.pick(ownTexts[service.code] ?? (stream.chance(0.7) ? local : templates.en));
  if (!hyphenated) return { code, text: template(service.name, code) };
  const half = Math.floor(length / 2);
  const withHyphen = `${code.slice(0, half)}-${code.slice(half)}`;
  return { code: withHyphen, text: `${service.name}: ${withHyphen}` };
};

/** The same code as a machine says it on the phone: digit by digit, twice. */
export const sayCode = ({ code }: CodeMessage, service: string): CodeMessage => {
  const digits = code.replace(/\D/g, '');
  const said = digits.split('').join(', ');
  return { code: digits, text: `Hello. Your ${service} verification code is ${said}. Once more: ${said}. Goodbye.` };
};
