/* See parts_large.h. */
#include "tests/support/parts/parts_large.h"

#include <stdio.h>

#include "tests/support/parts/parts_world.h"

const char parts_large_tables[] =
    "CREATE TABLE Elevations (ElevationID TEXT, Name TEXT, Amount, AutoDescription,"
    " AutoDescriptionShort, Width_Unit, Height_Unit, Weight_Unit, Area_Unit, SystemCode, SystemName, SystemLongName);"
    "CREATE TABLE Articles (ArticleCode, Amount, Units, PUSize, Price);"
    "CREATE TABLE Profiles (ArticleCode, Amount, Length);"
    "CREATE TABLE Glass (GlassID, Name, Amount, AreaOffer);";
void parts_large_plain(void)
{
    static const char plain[] = "CREATE TABLE Elevations (ElevationID TEXT, Name TEXT, Amount INTEGER);"
                                "CREATE TABLE Articles (ArticleCode, Description, Amount, Units, Price, Color);";
    for (int i = 1; i <= 3; i++)
        parts_list_store_rows(&world.web, i, plain,
                              "INSERT INTO Elevations VALUES ('{E}', 'W', 1);"
                              "INSERT INTO Articles VALUES ('A', 'x', 1, 1, 1, NULL)");
    parts_list_read(&world.web, "[[1,2,3],true]");
}

void parts_large_store(const char *price, int many)
{
    char list[1400];
    snprintf(
        list, sizeof list,
        "INSERT INTO Elevations (ElevationID, Name) VALUES ('{E}', 'W');"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        " INSERT INTO Articles SELECT printf('A%%05d', i), 1, 1, 1, %s FROM n;"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        " INSERT INTO Profiles SELECT 'P', 1, i FROM n;"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)"
        " INSERT INTO Glass SELECT 'G', printf('%%03d', i) || replace(hex(zeroblob(700)), '00', '\"<'), 1, 1 FROM n",
        many, price, many);
    parts_list_store_rows(&world.web, 4, parts_large_tables, list);
    parts_list_read(&world.web, "[[4],true]");
}
