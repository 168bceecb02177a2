// see CJSON.h
