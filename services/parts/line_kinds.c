/* Which tables of a parts list become stored lines, and which of their columns are which: the one table of it. See
 * line_kinds.h. */
#include "services/parts/line_kinds.h"

#include <strings.h>

#define TEXT(to, ...)                                                                                                  \
    {                                                                                                                  \
        to, ",\"" to "\":", LINE_TEXT,                                                                                 \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define NUMBER(to, ...)                                                                                                \
    {                                                                                                                  \
        to, ",\"" to "\":", LINE_NUMBER,                                                                               \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

/* What articles and profiles have in common. */
#define ORDERED                                                                                                        \
    TEXT("code", "ArticleCode"), TEXT("supplier_code", "ArticleCode_Supplier"), TEXT("description", "Description"),    \
        TEXT("colour", "Color"), NUMBER("amount", "Amount"), NUMBER("units", "Units"), TEXT("unit", "Units_Unit"),     \
        NUMBER("pack_size", "PUSize"), NUMBER("price", "Price"), NUMBER("length", "Length_Output", "Length"),          \
        TEXT("length_unit", "Length_Unit"), NUMBER("angle_left", "AngleLeft"), NUMBER("angle_right", "AngleRight"),    \
        TEXT("supplier", "LK_SupplierID"), TEXT("insertion", "InsertionID")

const struct line_kind line_kinds[PARTS_KINDS] = {
    {"elevation",
     {"Elevations"},
     false,
     {TEXT("name", "Name"), TEXT("description", "Description"), NUMBER("amount", "Amount"),
      NUMBER("width", "Width_Output"), TEXT("width_unit", "Width_Unit"), NUMBER("height", "Height_Output"),
      TEXT("height_unit", "Height_Unit"), NUMBER("weight", "Weight_Output"), TEXT("weight_unit", "Weight_Unit"),
      NUMBER("area", "Area_Output"), TEXT("area_unit", "Area_Unit"), TEXT("code", "SystemCode"),
      TEXT("colour", "ColorBase_Long")}},
    {"insertion",
     {"Insertions"},
     false,
     {TEXT("insertion", "InsertionID"), TEXT("name", "Name"), NUMBER("width", "Width_Output"),
      NUMBER("height", "Height_Output")}},
    {"article", {"Articles", "AllArticles"}, true, {ORDERED}},
    {"profile", {"Profiles", "AllProfiles"}, true, {ORDERED}},
    {"glass",
     {"Glass"},
     true,
     {TEXT("code", "GlassID"), TEXT("insertion", "InsertionID"), TEXT("name", "Name"), TEXT("short_name", "NameShort"),
      NUMBER("width", "Width_Output"), TEXT("width_unit", "Width_Unit"), NUMBER("height", "Height_Output"),
      TEXT("height_unit", "Height_Unit"), NUMBER("area", "AreaOffer"), NUMBER("spacer", "SpacerGap_Output"),
      NUMBER("weight", "Weight_Output"), TEXT("weight_unit", "Weight_Unit"), NUMBER("amount", "Amount"),
      NUMBER("price", "Price"), TEXT("supplier", "LK_SupplierID")}},
    {"labour",
     {"LabourTimes"},
     false,
     {TEXT("what", "WhatName"), TEXT("name", "Name"), NUMBER("minutes", "TotalMinutes")}},
    {"calc", {"CalcDetailItems"}, false, {TEXT("code", "CalcItemNameID"), NUMBER("value", "Value")}},
    {"uvalue",
     {"UValue"},
     false,
     {TEXT("name", "Name"), NUMBER("u_value", "U"), TEXT("u_unit", "U_Unit"), NUMBER("area", "Area"),
      TEXT("area_unit", "Area_Unit")}},
    {"supplier",
     {"Suppliers"},
     false,
     {TEXT("supplier", "SupplierID"), TEXT("name", "Name"), TEXT("supplier_name", "Address2", "Name")}},
};

const struct line_kind *line_kind_of(const char *table)
{
    for (int i = 0; i < PARTS_KINDS; i++)
        for (int k = 0; k < 2; k++)
            if (line_kinds[i].tables[k] && strcasecmp(line_kinds[i].tables[k], table) == 0) return &line_kinds[i];
    return NULL;
}
