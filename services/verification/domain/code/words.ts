/** Words by which a code is recognised, by language, as they stand in messages: stems, so that endings and compounds match. */
const cueWords: Readonly<Record<string, readonly string[]>> = {
  en: [
    'code',
    'passcode',
    'password',
    'verification',
    'token',
    '2fa',
    'authenticat',
    'one-time',
    'security key',
    'verify with',
    'sign-in number',
  ],
  es: ['código', 'codigo', 'clave', 'contraseña'],
  pt: ['código', 'senha'],
  fr: ['code', 'mot de passe'],
  it: ['codice', 'password'],
  de: ['code', 'kennwort', 'passwort', 'bestätigungsnummer'],
  nl: ['wachtwoord', 'code'],
  sv: ['kod', 'lösenord'],
  da: ['kode', 'adgangskode'],
  fi: ['koodi', 'tunnusluku'],
  et: ['kood'],
  lv: ['kods', 'kodu'],
  lt: ['kodas', 'kodą'],
  pl: ['kod', 'hasło'],
  cs: ['kód', 'heslo'],
  hu: ['kód', 'jelszó'],
  hr: ['kôd', 'kod', 'lozinka'],
  sl: ['koda'],
  tr: ['kodu', 'kodun', 'şifre', 'parola', 'doğrulama'],
  az: ['kod', 'şifrə'],
  uz: ['kod', 'tasdiqlash'],
  sq: ['kodi'],
  ru: ['код', 'пароль', 'пин-код'],
  uk: ['код', 'пароль'],
  bg: ['код', 'парола'],
  sr: ['код', 'лозинка'],
  kk: ['код', 'құпиясөз'],
  el: ['κωδικ', 'κωδικό'],
  ka: ['კოდი'],
  hy: ['կոդ'],
  he: ['קוד', 'סיסמה', 'סיסמת'],
  ar: ['رمز', 'كود', 'الرمز', 'كلمة المرور', 'كلمة السر'],
  fa: ['کد', 'رمز'],
  ur: ['کوڈ', 'او ٹی پی'],
  hi: ['कोड', 'ओटीपी', 'पासवर्ड'],
  mr: ['कोड', 'ओटीपी'],
  ne: ['कोड'],
  bn: ['কোড', 'ওটিপি', 'পাসওয়ার্ড'],
  pa: ['ਕੋਡ'],
  gu: ['કોડ', 'ઓટીપી'],
  ta: ['குறியீடு', 'கடவுச்சொல்', 'ஓடிபி'],
  te: ['కోడ్', 'ఓటీపీ'],
  kn: ['ಕೋಡ್', 'ಒಟಿಪಿ'],
  ml: ['കോഡ്', 'ഒടിപി'],
  si: ['කේතය'],
  th: ['รหัส', 'โอทีพี'],
  lo: ['ລະຫັດ'],
  km: ['កូដ', 'លេខកូដ'],
  my: ['ကုဒ်'],
  vi: ['mã xác', 'mã otp', 'mã đăng', 'mã bảo', 'mã của', 'mã kích', 'mã số', 'mã pin', 'mật khẩu'],
  id: ['kode', 'sandi'],
  ms: ['kod', 'kata laluan'],
  tl: ['code', 'kodigo'],
  sw: ['nambari ya', 'msimbo'],
  am: ['ኮድ'],
  mn: ['код'],
  zh: [
    '验证码',
    '驗證碼',
    '校验码',
    '校驗碼',
    '动态码',
    '動態碼',
    '动态密码',
    '确认码',
    '確認碼',
    '登录码',
    '安全码',
    '激活码',
    '密码',
    '密碼',
    '认证码',
  ],
  ja: ['認証コード', '認証用の番号', '確認コード', 'コード', '認証番号', '確認番号', '暗証番号', 'パスワード', 'パスコード'],
  ko: ['인증번호', '인증 번호', '인증코드', '인증 코드', '확인코드', '확인 코드', '보안코드', '코드', '비밀번호'],
};

/** Short ones that stand inside of other words ("shopping", "potpie"): only by themselves. */
const wholeCues = [
  'otp',
  'pin',
  'pins',
  'tan',
  'mtan',
  'sms-tan',
  'mã',
  'cod',
  'codul',
  'codului',
  'kod',
  'cód',
  'vcode',
  'pincode',
  'pac',
];

/** "Enter 903118 into …": says less than a word for the code itself. */
const weakCues = [
  ...['enter', 'confirm', 'use', 'type', 'log in with', 'sign in with', 'login', 'verify', 'activate', 'valid', 'expires'],
  ...[
    'eingeben',
    'gib',
    'bestätige',
    'saisissez',
    'entrez',
    'ingresa',
    'introduce',
    'digite',
    'informe',
    'inserisci',
    'voer',
    'gültig',
    'valable',
    'válid',
    'valid',
  ],
  ...['введите', 'подтвер', 'введіть', 'wpisz', 'zadejte', 'girin', 'masukkan', 'nhập', '输入', '入力', '입력', 'أدخل', 'وارد'],
];

/** A "code" of another kind, by what stands before or around it. */
const otherCodes =
  /(?:promo|discount|coupon|voucher|referral|refer|invite|invitation|gift|zip|post|postal|area|country|dial(?:l?ing)?|qr|bar|error|tracking|booking|reservation|pick-?up|collection|locker|dress|source|gutschein|rabatt|aktions|kortings|promotie|промо|реферальн(?:ый|ого) |купон|скидк|rabat|kupon|rabatt|диско[нн]т|indirim |promosyon |קופון |ושובר|優惠|优惠|取件|提货|折扣|邮政|推荐|クーポン|招待|紹介|할인|쿠폰|추천|promo\p{L}{0,6} |kode promo|mã giảm|mã khuyến)[ -]?$/iu;
const otherCodesAfter =
  /^(?:\p{L}{0,3})[ -](?:de |di |da |do )?(?:promo|descuento|desconto|sconto|réduction|reduction|parrain|postal|cupón|cupom|скидк|diskon|referral|giảm|khuyến|pos(?!\p{L}))/iu;

/** What a number behind these words is: no code. */
const otherNumbers = [
  ...['order', 'ref', 'reference', 'booking', 'reservation', 'tracking', 'parcel', 'package', 'shipment', 'delivery', 'invoice', 'account'],
  ...['a/c', 'acct', 'card', 'ending', 'ticket', 'flight', 'room', 'case', 'customer', 'serial', 'balance', 'amount', 'total', 'price'],
  ...[
    'paid',
    'points',
    'bonus',
    'won',
    'win',
    'win up to',
    'save',
    'zip',
    'postcode',
    'call',
    'dial',
    'tel',
    'phone',
    'text',
    'reply',
    'reply yes to',
    'shortcode',
  ],
  ...[
    'locker',
    'membership',
    'member id',
    'user id',
    'id',
    'no',
    'nr',
    'number',
    'transaction',
    'txn',
    'pnr',
    'gate',
    'bus',
    'version',
    'build',
    'room',
  ],
  ...['bestellung', 'bestellnummer', 'auftrag', 'rechnung', 'sendung', 'paket', 'konto', 'kundennummer', 'plz', 'guthaben', 'nummer'],
  ...[
    'commande',
    'colis',
    'facture',
    'compte',
    'réf',
    'solde',
    'dossier',
    'numéro',
    'pedido',
    'envío',
    'factura',
    'cuenta',
    'reserva',
    'saldo',
  ],
  ...[
    'encomenda',
    'fatura',
    'conta',
    'protocolo',
    'ordine',
    'spedizione',
    'fattura',
    'pratica',
    'bestelling',
    'pakket',
    'factuur',
    'ordre',
    'pakke',
  ],
  ...[
    'zamówieni',
    'rezerwacj',
    'przesyłk',
    'paczk',
    'faktur',
    'objednávk',
    'zásilk',
    'rendelés',
    'csomag',
    'comand',
    'colet',
    'tilaus',
    'paketti',
  ],
  ...[
    'заказ',
    'посылк',
    'счет',
    'счёт',
    'карт',
    'баланс',
    'брон',
    'рейс',
    'номер',
    'трек',
    'договор',
    'замовлення',
    'посилк',
    'поръчк',
    'пратк',
  ],
  ...[
    'sipariş',
    'kargo',
    'bakiye',
    'rezervasyon',
    'pesanan',
    'resi',
    'paket',
    'pulsa',
    'poin',
    'đơn hàng',
    'vận đơn',
    'số dư',
    'tài khoản',
  ],
  ...[
    '订单',
    '訂單',
    '快递',
    '運單',
    '运单',
    '尾号',
    '尾號',
    '账号',
    '卡号',
    '单号',
    '取件',
    '余额',
    '积分',
    '注文番号',
    '会員番号',
    '問い合わせ番号',
    '予約番号',
  ],
  ...[
    '주문번호',
    '송장',
    '운송장',
    '예약번호',
    '잔액',
    '포인트',
    'الطلب',
    'طلبك',
    'الشحنة',
    'شحنت',
    'رصيد',
    'الحجز',
    'سفارش',
    'مرسوله',
    'موجودی',
  ],
  ...['הזמנה', 'משלוח', 'יתרה', 'ऑर्डर', 'खाते', 'बैलेंस', 'অর্ডার', 'คำสั่งซื้อ', 'พัสดุ', 'ยอดเงิน', 'παραγγελ', 'δέμα', 'oda', 'maili'],
];

/** What is counted: no code stands before these. */
const units =
  /^ ?(?:points?|pts|miles|coins?|credits?|tokens?|gems|km|kms|kcal|steps|people|users|followers|messages|minutes?|mins?|hours?|days?|mb|gb|items|reviews|stars|seats|employees|customers|punkte|meilen|schritte|points|pas|puntos|pontos|punti|punten|punkt|баллов|бонусов|очков|рублей|человек|балів|puan|poin|điểm|积分|人|ポイント|件|포인트|명|نقطة|امتیاز|नकद|คะแนน)(?!\p{L})/iu;

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
/** Longest first: of "mã otp" and "otp" the whole is found. */
const oneOf = (words: Iterable<string>): string =>
  [...new Set(words)]
    .toSorted((a, b) => b.length - a.length)
    .map(escaped)
    .join('|');
const alone = (words: Iterable<string>): string => String.raw`(?<!\p{L})(?:${oneOf(words)})(?!\p{L})`;

const strong = new RegExp(`${oneOf(Object.values(cueWords).flat())}|${alone(wholeCues)}`, 'giu');
const weak = new RegExp(String.raw`(?<!\p{L})(?:${oneOf(weakCues)})`, 'giu');
const isLatin = (word: string): boolean => /\p{Script=Latin}/u.test(word);
/** A short word of Latin letters is meant by itself ("tel" is not in "telegram"); a long one may have an ending. */
const other = new RegExp(
  [
    alone(otherNumbers.filter((word) => isLatin(word) && word.length < 6)),
    String.raw`(?<!\p{L})(?:${oneOf(otherNumbers.filter((word) => isLatin(word) && word.length >= 6))})`,
    oneOf(otherNumbers.filter((word) => !isLatin(word))),
  ].join('|'),
  'giu',
);

export interface Word {
  readonly kind: 'strong' | 'weak' | 'other';
  readonly start: number;
  readonly end: number;
}

const find = (text: string, pattern: RegExp, kind: Word['kind']): Word[] =>
  [...text.matchAll(pattern)].map((match) => ({ kind, start: match.index, end: match.index + match[0].length }));

/** Words around which a number means something, in the order in which they stand. */
export const wordsOf = (text: string): readonly Word[] => {
  const codes = find(text, strong, 'strong').map((word): Word => {
    const isOther =
      otherCodes.test(text.slice(Math.max(0, word.start - 24), word.start)) || otherCodesAfter.test(text.slice(word.end, word.end + 24));
    return isOther ? { ...word, kind: 'other' } : word;
  });
  // "sign-in number" is one word for a code, not a word for a number inside of it.
  const others = find(text, other, 'other').filter((word) => !codes.some(({ start, end }) => start <= word.start && word.end <= end));
  return [...codes, ...find(text, weak, 'weak'), ...others].toSorted((a, b) => a.start - b.start);
};

/** Does what follows say that the number before it counts something? */
export const isCounted = (after: string): boolean => units.test(after);
