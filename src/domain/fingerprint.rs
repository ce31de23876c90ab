//! How near two texts are, for recognising an article whose file was renamed and retouched.

/// A similarity hash of a text (simhash over its runs of three words): near texts differ in few of
/// its 64 bits. 0 for a text too short to tell anything, which is near to nothing.
///
/// Stored in the ledger: the same text must give the same value in every version.
#[must_use]
pub fn fingerprint(text: &str) -> u64 {
    let words: Vec<String> = words(text).collect();
    if words.len() < FEWEST_WORDS {
        return 0;
    }
    let mut balance = [0_i32; 64];
    for run in words.windows(3) {
        let hash = stable_hash(run);
        for (bit, weight) in balance.iter_mut().enumerate() {
            *weight += if hash >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    let mut print = 0_u64;
    for (bit, weight) in balance.iter().enumerate() {
        print |= u64::from(*weight > 0) << bit;
    }
    print.max(1)
}

/// Fewer words say too little: «Lire la suite» is on every stub.
const FEWEST_WORDS: usize = 5;

/// Unrelated texts differ in 32 bits, give or take 4; a corrected paragraph changes a handful.
const NEAR_BITS: u32 = 12;

/// Whether two fingerprints are of texts that are the same or nearly so.
#[must_use]
pub fn near(one: u64, other: u64) -> bool {
    one != 0 && other != 0 && (one ^ other).count_ones() <= NEAR_BITS
}

/// How alike two titles are, from 0 to 1: the share of letter pairs they have in common (Dice),
/// letter case, accents and punctuation aside.
#[must_use]
pub fn likeness(one: &str, other: &str) -> f64 {
    let (one, other) = (pairs(one), pairs(other));
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    let mut rest = other.clone();
    let common = one
        .iter()
        .filter(|pair| rest.iter().position(|p| p == *pair).map(|at| rest.swap_remove(at)).is_some())
        .count();
    2.0 * common as f64 / (one.len() + other.len()) as f64
}

fn pairs(text: &str) -> Vec<[char; 2]> {
    // A title has at most a few hundred characters; a hostile one must not cost its square.
    let letters: Vec<char> = words(text).collect::<Vec<_>>().join(" ").chars().take(300).collect();
    letters.windows(2).map(|pair| [pair[0], pair[1]]).collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    use unicode_normalization::UnicodeNormalization;
    text.split(|c: char| !c.is_alphanumeric() && !unicode_normalization::char::is_combining_mark(c))
        .filter(|word| !word.is_empty())
        .map(|word| {
            word.nfd()
                .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
                .flat_map(char::to_lowercase)
                .collect()
        })
}

/// FNV-1a over the words, then a finalising mix so that every bit takes part.
fn stable_hash(run: &[String]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in run.iter().flat_map(|word| word.bytes().chain([b' '])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "La médiathèque ouvre ses portes le samedi matin aux familles de la vallée. Les \
        bibliothécaires lisent des histoires, prêtent des jeux et réparent les tablettes. L'entrée est libre \
        et le goûter est offert par la commune, dans la limite des places disponibles.";

    #[test]
    fn a_corrected_text_is_near_and_another_text_is_not() {
        let corrected = BODY.replace("samedi", "dimanche").replace("commune", "mairie");
        let other = "Le conseil a voté le budget de la voirie. Trois ponts seront refaits avant l'été, et la \
            piste cyclable ira jusqu'à la gare, après deux ans de travaux et de consultations publiques.";
        assert!(near(fingerprint(BODY), fingerprint(BODY)));
        assert!(near(fingerprint(BODY), fingerprint(&corrected)));
        assert!(!near(fingerprint(BODY), fingerprint(other)));
    }

    #[test]
    fn short_texts_are_near_to_nothing() {
        assert_eq!(fingerprint("Lire la suite"), 0);
        assert!(!near(0, 0));
    }

    #[test]
    fn a_fingerprint_is_the_same_for_ever() {
        assert_eq!(fingerprint("un deux trois quatre cinq six sept"), 11_996_599_629_266_334_859);
    }

    #[test]
    fn titles_are_alike_whatever_their_accents_and_case() {
        assert!(likeness("Un été à la médiathèque", "UN ETE A LA MEDIATHEQUE !") > 0.99);
        assert!(likeness("Futur.e.s dinsic", "Future.s dinsic") > 0.8);
        assert!(likeness("Budget de la voirie", "La fête des voisins") < 0.6);
        assert!(likeness("", "x") < 0.1);
    }
}
