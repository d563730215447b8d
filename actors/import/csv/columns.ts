import type { Columns } from "./dialect.ts"

/** "E-mail 1 - Value" → "e mail 1 value", "Prénom" → "prenom": what is compared, whoever wrote the header. */
const plain = (name: string): string =>
  name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim()

/**
 * Column names as Google Contacts, Outlook (English, German, French, Spanish, Italian, Dutch, Portuguese) and plain lists
 * write them. "E-mail Type", "E-mail Display Name" and "E-mail 1 - Label" are not addresses and match nothing here.
 */
const names: Readonly<Record<keyof Columns, ReadonlyArray<RegExp>>> = {
  email: [
    /^e ?mails?( \d)?( (value|address|adresse|adres))?( \d)?$/,
    /^(primary|work|home|personal|business|other|contact) e ?mail( address)?$/,
    /^e ?mail (primary|work|home|personal|business|other)$/,
    /^e ?mailadress?(e|en)?( \d)?$/,
    /^mail( ?adress?e?)?$/,
    /^adresse (de messagerie|e ?mail|mail|electronique)( \d)?$/,
    /^courriel$/,
    /^(direccion de )?correo( electronico)?( \d)?$/,
    /^indirizzo (di )?(posta elettronica|e ?mail)( \d)?$/,
    /^(endereco de )?(e ?mail|correio eletronico)( \d)?$/
  ],
  fullName: [
    /^(full |display )?name$/,
    /^contact( name)?$/,
    /^nom complet$/,
    /^nombre completo$/,
    /^vollstandiger name$/
  ],
  givenName: [/^(given|first) ?name$/, /^vorname$/, /^prenom$/, /^nombre$/, /^nome$/, /^voornaam$/],
  familyName: [
    /^(family|last) ?name$/,
    /^surname$/,
    /^nachname$/,
    /^nom( de famille)?$/,
    /^apellidos?$/,
    /^cognome$/,
    /^achternaam$/,
    /^sobrenome$/
  ],
  company: [
    /^company( name)?$/,
    /^organi[sz]ation( 1)?( name)?$/,
    /^firma$/,
    /^societe$/,
    /^(empresa|organizacion)$/,
    /^(societa|azienda)$/,
    /^bedrijf$/
  ],
  phone: [
    /^(phone|tel|telephone|mobile|cell)( (number|1 value|value))?$/,
    /^(mobile|primary|home|business|work) (phone|telephone)( number)?$/,
    /^(mobil)?telefon( (privat|geschaftlich))?$/,
    /^telephone (mobile|bureau|domicile)( \d)?$/,
    /^telefono( movil)?$/
  ]
}

const matching = (header: ReadonlyArray<string>, patterns: ReadonlyArray<RegExp>): ReadonlyArray<number> =>
  header.flatMap((name, i) => (patterns.some((pattern) => pattern.test(name)) ? [i] : []))

/** Where a contact's fields are. `email` is empty where no column is known to hold addresses. */
export const findColumns = (header: ReadonlyArray<string>): Columns => {
  const compared = header.map(plain)
  return {
    email: matching(compared, names.email),
    fullName: matching(compared, names.fullName),
    givenName: matching(compared, names.givenName),
    familyName: matching(compared, names.familyName),
    company: matching(compared, names.company),
    phone: matching(compared, names.phone)
  }
}
