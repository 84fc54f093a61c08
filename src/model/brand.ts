/** Branded types: a plain value at run time, a type of its own at compile time. Casts stay in `model/`. */
declare const brand: unique symbol;
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
