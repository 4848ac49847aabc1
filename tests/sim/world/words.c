/* Words: see words.h. Invented names, none of a real company's. */
#include "tests/sim/world/words.h"

#include <stddef.h>

static const char *const directories[] = {
    "Wintergärten",
    "Privatkunden",
    "Façades & Vérandas",
    "Budynki użyteczności publicznej",
    "Κατοικίες",
    "Жилые дома",
    "集合住宅",
    "مشاريع سكنية",
    "Çarşı",
    "Projets 2026",
    "Nhà ở",
    "Ärztehäuser",
};
static const char *const projects[] = {
    "Wohnhaus am Deich", "Résidence Les Érables", "Dom nad Wisłą",      "Σχολείο Νέας Σμύρνης",
    "Школа № 12",        "東京オフィス棟",        "مركز المدينة",       "Kütüphane Binası",
    "Nhà máy Đà Nẵng",   "Obchodní dům Žižkov",   "École du Château",   "Mühlenhof \"Alt\"",
    "O'Brien & Sons",    "Ráðhús við Tjörnina",   "Szálloda <Kőbánya>", "Edificio Ñandú",
};
static const char *const phases[] = {
    "Bauabschnitt", "Étage", "Etap", "Φάση", "Очередь", "第期", "مرحلة", "Kısım", "Geschoß", "Etapa",
};
static const char *const rooms[] = {
    "Küche", "Salon",       "Łazienka",    "Υπνοδωμάτιο", "Кабинет",       "玄関",
    "غرفة",  "Yatak odası", "Treppenhaus", "Büro",        "Hall d'entrée",
};
static const char *const persons[] = {
    "Anna Müller", "José García", "Łukasz Wójcik", "Ελένη Παππά", "Юлия Смирнова",
    "山田 太郎",   "محمد علي",    "Şebnem Öztürk", "Zoë O'Neill", "Đặng Thị Hà",
};
static const char *const elements[] = {
    "Fenster", "Tür", "Fassade", "Hebeschiebetür", "Festverglasung", "Faltwand", "Dachfenster", "Drehkippfenster",
};
static const char *const glasses[] = {
    "4/16/4 Float, Ug 1,1",           "6/14/4/14/6 dreifach, Ug 0,5", "VSG 44.2 / 16 / 6 ESG", "Opalglas weiß 8 mm",
    "Feuilleté 66.2 anti-effraction", "Szyba zespolona 3×4 mm",       "Закалённое 6 мм",       "合わせガラス 6+6",
};
static const char *const colors[] = {
    "RAL 7016 Anthrazitgrau",
    "RAL 9016 Verkehrsweiß",
    "E6/C0 naturel anodisé",
    "RAL 3003 Rubinrot",
    "DB 703 Eisenglimmer",
    "RAL 6005 Moosgrün",
    "Złoty dąb",
    "RAL 5011 Stahlblau",
};

static const struct profile_system systems[] = {
    {"S-65", "Sim 65", "Sim 65 thermisch getrennt, Fenster und Türen"},
    {"S-75.HI", "Sim 75 HI", "Sim 75 HI hochwärmegedämmtes Fenstersystem"},
    {"F-50", "SimFaçade 50", "SimFaçade 50 Pfosten-Riegel-Konstruktion"},
    {"SL-160", "SimSlide 160", "SimSlide 160 Hebe-Schiebe-System mit Schwelle 0 mm"},
    {"D-90", "Sim 90 Drzwi", "Sim 90 Drzwi panelowe, passivhaustauglich"},
};

#define LIST(a)                                                                                                        \
    {                                                                                                                  \
        (a), sizeof(a) / sizeof((a)[0])                                                                                \
    }
static const struct {
    const char *const *items;
    size_t count;
} lists[WORDS_COUNT] = {
    [WORDS_DIRECTORY] = LIST(directories), [WORDS_PROJECT] = LIST(projects),
    [WORDS_PHASE] = LIST(phases),          [WORDS_ROOM] = LIST(rooms),
    [WORDS_PERSON] = LIST(persons),        [WORDS_ELEMENT] = LIST(elements),
    [WORDS_GLASS] = LIST(glasses),         [WORDS_COLOR] = LIST(colors),
};

const char *word(enum words list, uint64_t hash)
{
    return lists[list].items[hash % lists[list].count];
}

const struct profile_system *word_system(uint64_t hash)
{
    return &systems[hash % (sizeof systems / sizeof systems[0])];
}
