const clock = "it depends on the time when it is called, or on the time zone of the machine";
const chance = "it gives something else each time";
const environment = "it reads the environment of the engine, which has secrets";
const keys = "it makes keys, which differ each time; make a Secret instead";
const heavy = "it computes for long by design; make a Secret instead";

/** Functions of sprig that are not here, and why. */
export const refusedFunctions: Readonly<Record<string, string>> = {
  ago: clock,
  date: clock,
  date_in_zone: clock,
  date_modify: clock,
  dateInZone: clock,
  dateModify: clock,
  htmlDate: clock,
  htmlDateInZone: clock,
  now: clock,
  randAlpha: chance,
  randAlphaNum: chance,
  randAscii: chance,
  randBytes: chance,
  randInt: chance,
  randNumeric: chance,
  shuffle: chance,
  uuidv4: chance,
  encryptAES: chance,
  decryptAES: "keys do not belong into templates",
  env: environment,
  expandenv: environment,
  getHostByName: "it asks the network",
  bcrypt: heavy,
  derivePassword: heavy,
  htpasswd: heavy,
  buildCustomCert: keys,
  genCA: keys,
  genCAWithKey: keys,
  genPrivateKey: keys,
  genSelfSignedCert: keys,
  genSelfSignedCertWithKey: keys,
  genSignedCert: keys,
  genSignedCertWithKey: keys,
};
