// Maps Airbnb's names of amenities, thousands of them and partly written by hosts ("HDTV with Netflix"), to our 63 amenities.

const vocabulary: [id: string, words: RegExp][] = [
  ["wifi", /\bwi-?fi\b|^wireless internet$/],
  ["essentials", /^essentials$/],
  ["washer", /\bwasher\b/],
  ["dryer", /^(?!.*hair).*\bdryer\b/],
  ["iron", /^iron$/],
  ["hot_water", /^hot water$/],
  ["hair_dryer", /\bhair ?dryer\b/],
  ["shampoo", /\bshampoo\b/],
  ["bathtub", /^(?!.*baby).*\bbathtub\b/],
  ["bidet", /\bbidet\b/],
  ["bed_linens", /^bed linens$/],
  ["hangers", /^hangers$/],
  ["wardrobe", /^clothing storage|\bwardrobe\b/],
  ["room_darkening_shades", /^room-darkening shades$/],
  ["mosquito_net", /^mosquito net$/],
  ["kitchen", /^(full )?kitchen$/],
  ["refrigerator", /\b(refrigerator|mini fridge)\b/],
  ["stove", /\bstove\b/],
  ["oven", /^(?!.*microwave).*\boven\b/],
  ["microwave", /\bmicrowave\b/],
  ["dishwasher", /^dishwasher$/],
  ["coffee_maker", /^coffee maker\b/],
  ["kettle", /\bkettle\b/],
  ["toaster", /^toaster$/],
  ["dishes", /^dishes and silverware$/],
  ["dining_table", /^dining table$/],
  ["air_conditioning", /\b(air conditioning|ac unit|split type ductless system)\b|^ac\b/],
  ["heating", /\bheating\b/],
  ["ceiling_fan", /^(ceiling fan|portable fans?)$/],
  ["fireplace", /\bindoor fireplace\b/],
  ["television", /\b(hd)?tv\b/],
  ["sound_system", /\bsound system\b/],
  ["board_games", /^board games$/],
  ["piano", /^piano$/],
  ["pool_table", /^pool table$/],
  ["workspace", /^dedicated workspace\b/],
  ["ethernet", /^ethernet connection$/],
  ["crib", /\bcrib\b/],
  ["high_chair", /^high chair\b/],
  ["childrens_toys", /^children\u2019?'?s books and toys\b/],
  ["smoke_alarm", /^smoke (alarm|detector)$/],
  ["carbon_monoxide_alarm", /^carbon monoxide (alarm|detector)$/],
  ["fire_extinguisher", /^fire extinguisher$/],
  ["first_aid_kit", /^first aid kit$/],
  ["balcony", /\bpatio or balcony\b/],
  ["garden", /\b(backyard|garden)\b(?! view)/],
  ["barbecue", /\b(bbq|barbecue) grill\b/],
  ["outdoor_furniture", /^outdoor furniture$/],
  ["fire_pit", /^fire pit$/],
  ["parking", /^free (parking|driveway parking|residential garage|carport).*on premises/],
  ["street_parking", /^free street parking$/],
  ["ev_charger", /^ev charger\b/],
  ["pool", /^(?!.*\btable\b)(?!.*\bview\b).*\bpool\b/],
  ["hot_tub", /\bhot tub\b/],
  ["sauna", /\bsauna\b/],
  ["gym", /\bgym\b(?!.*nearby)/],
  ["elevator", /^elevator$/],
  ["beach_access", /\bbeach access\b/],
  ["lake_access", /\blake access\b/],
  ["ski_in_ski_out", /\bski-in\/ski-out\b/],
  ["step_free_access", /^step-free\b/],
  ["self_check_in", /^self check-in$/],
  ["breakfast", /^breakfast$/],
];

// A cache, since files repeat the same names; limited, since hosts write many of their own.
const cache = new Map<string, string[]>();
const maxCached = 5_000;

/** The ids of our amenities that an Airbnb name matches; none for most names written by hosts. */
export function amenityIds(name: string): string[] {
  const found = cache.get(name);
  if (found !== undefined) return found;
  const plain = name.trim().toLowerCase();
  const ids = vocabulary.filter(([, words]) => words.test(plain)).map(([id]) => id);
  if (cache.size < maxCached) cache.set(name, ids);
  return ids;
}

/** All ids that names are mapped to; a test compares them with the table of amenities. */
export const mappedAmenities = vocabulary.map(([id]) => id);
