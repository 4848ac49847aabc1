-- wrk: the whole list, each time under another limit, so that no kept answer fits: there are more limits than answers kept.
local limit = 101
local path

function init()
  path = wrk.path
end

function request()
  limit = limit < 1000 and limit + 1 or 101
  return wrk.format(nil, path .. "?limit=" .. limit)
end
